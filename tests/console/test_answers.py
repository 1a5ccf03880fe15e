"""What a form's dialog shows of the answer that came back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.console.scripts import on_a_page

PEOPLE = [{"client_id": "1", "alias": "red heron"}, {"client_id": "2", "alias": None}]
LINES = [{"line": 3, "code": "order-unknown"}]


@pytest.mark.parametrize(
    ("value", "people", "shown"),
    [(PEOPLE, True, "red heron, 2"), ([], True, "nobody"), (LINES, False, "3: no such order"), ([], False, "nothing")],
)
def test_people_are_named_and_lines_are_numbered(tmp_path: Path, value: Any, people: bool, shown: str) -> None:
    told = on_a_page(
        tmp_path,
        f"""Object.assign(element("form-texts").dataset,
          {{ refusals: '{{"order-unknown": "no such order"}}', nobody: "nobody", nothing: "nothing" }});
        globalThis.fetch = async () => new Response({json.dumps(json.dumps({"found": value}))});
        document.querySelector = () => null;
        await import("./forms.js");
        const line = new Element("line"), back = new Element("back"), form = new Element("form");
        Object.assign(line.dataset, {{ answer: "found" {', people: ""' if people else ""} }});
        Object.assign(form.dataset, {{ path: "/x", body: "{{}}", elsewhere: "" }});
        Object.assign(form, {{ elements: [], querySelector: () => new Element("button") }});
        Object.assign(back, {{ querySelectorAll: () => [line], focus() {{}} }});
        element("sheet-body").querySelector = () => back;
        element("sheet-body").listeners.submit({{ preventDefault() {{}}, target: form }});
        while (!form.hidden) await settle();
        return line.textContent;""",
    )
    assert told == shown
