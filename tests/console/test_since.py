"""What changed since somebody last looked: of one person, of one house, and never what changed under their eyes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.console.scripts import on_a_page

AROUND = """
const kept = new Map();
globalThis.localStorage = { getItem: key => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text),
                            removeItem: key => kept.delete(key) };
globalThis.CSS = { escape: text => text };
const tiles = { p1: "free", p2: "occupied" };
const tile = id => ({ dataset: { place: id, status: tiles[id], name: `Room 1, ${id}` } });
element("board").dataset.location = "house";
element("board").querySelectorAll = () => Object.keys(tiles).map(tile);
document.querySelector = text => tile(/"(.*)"/.exec(text)[1]);
const said = {};
document.addEventListener = (name, listener) => { said[name] = listener; };
element("main").focus = () => {};
element("since").dataset.texts = JSON.stringify({ title: "{n} since {time}",
  status: { free: "Free", occupied: "Occupied" } });
const looked = (minutes, more = {}) => kept.set("plek-looked", JSON.stringify({ person: "anna", location: "house",
  at: Date.now() - minutes * 60000, places: { p1: "occupied", p2: "occupied", gone: "free" }, ...more }));
const shown = () => element("since").hidden ? null : element("since-lines").children.map(one => one.textContent);
"""


def since(folder: Path, script: str) -> Any:
    return on_a_page(folder, f"{AROUND}\n{script}")


def test_who_comes_back_is_told_what_changed_and_says_that_they_have_seen_it(tmp_path: Path) -> None:
    told = since(
        tmp_path,
        """looked(30);
        await import("./since.js");
        const first = shown();
        element("since-seen").listeners.click();
        return [first, shown(), JSON.parse(kept.get("plek-looked")).places, element("since-title").textContent];""",
    )
    assert told[:3] == [["Room 1, p1: Occupied → Free"], None, {"p1": "free", "p2": "occupied"}]
    assert told[3].startswith("1 since ")


def test_what_changes_while_one_looks_is_no_news(tmp_path: Path) -> None:
    told = since(
        tmp_path,
        """await import("./since.js");
        tiles.p1 = "occupied";
        said["plek:shown"]();
        const looking = shown();
        document.hidden = true;
        said.visibilitychange();
        tiles.p2 = "free";
        document.hidden = false;
        said.visibilitychange();
        said["plek:shown"]();
        return [looking, shown()];""",
    )
    assert told == [None, None]  # who looked away for a moment has seen it change


def test_news_that_nobody_has_seen_is_there_again_the_next_time(tmp_path: Path) -> None:
    told = since(
        tmp_path,
        """looked(30);
        await import("./since.js");
        document.hidden = true;
        said.visibilitychange();
        tiles.p2 = "free";
        document.hidden = false;
        said.visibilitychange();
        said["plek:shown"]();
        return shown();""",
    )
    assert told == ["Room 1, p1: Occupied → Free", "Room 1, p2: Occupied → Free"]


def test_somebody_else_and_another_house_begin_anew(tmp_path: Path) -> None:
    for more in ("{ person: 'bob' }", "{ location: 'other' }", "{ places: null, at: 'x' }"):
        folder = tmp_path / str(len(more))
        assert since(folder, f"looked(30, {more}); await import('./since.js'); return shown();") is None
    assert since(tmp_path / "torn", "kept.set('plek-looked', '{'); await import('./since.js'); return shown();") is None


def test_a_device_that_keeps_nothing_shows_the_board_all_the_same(tmp_path: Path) -> None:
    script = """globalThis.localStorage = { getItem() { throw new Error("SecurityError"); },
      setItem() { throw new Error("QuotaExceededError"); }, removeItem() { throw new Error("SecurityError"); } };
    await import("./since.js");
    document.hidden = true;
    said.visibilitychange();
    return shown();"""
    assert since(tmp_path, script) is None
