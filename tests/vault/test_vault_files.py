"""The vault on a real disk: cut lines, damage, a full disk, two processes, and keys nobody may see."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.vault import VaultProblem, load_site_keys
from shared.vault_files import FileKeys
from tests.support.memory_keys import open_vault

ANNA, BOB = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def keys(folder: Path) -> FileKeys:
    return FileKeys(folder / "keys", folder / "away" / "list")


async def two_destroyed(folder: Path) -> bytes:
    """A list with two lines; returns what it says."""
    vault = await open_vault(keys(folder))
    for key_id in (ANNA, BOB):
        await vault.create(key_id)
        await vault.destroy(key_id, NOW)
    return (folder / "away" / "list").read_bytes()


async def test_a_list_cut_at_any_byte_keeps_its_whole_lines_and_goes_on(tmp_path: Path) -> None:
    said = await two_destroyed(tmp_path)
    first = said.index(b"\n") + 1
    for length in range(first, len(said)):
        (tmp_path / "away" / "list").write_bytes(said[:length])
        vault = await open_vault(keys(tmp_path))
        assert set(vault.destroyed()) == {ANNA}
        await vault.destroy(BOB, NOW)
        assert (tmp_path / "away" / "list").read_bytes() == said


async def test_a_word_about_what_was_sent_is_cut_or_damaged_like_any_other(tmp_path: Path) -> None:
    vault, path = await open_vault(keys(tmp_path)), tmp_path / "away" / "list"
    await vault.create(ANNA)
    await vault.send(ANNA, "over-1/noord", NOW)
    sent = path.read_bytes()
    await vault.take_back(ANNA, "over-1/noord", NOW)
    whole = path.read_bytes()
    for length in range(len(sent), len(whole)):
        path.write_bytes(whole[:length])
        assert dict((await open_vault(keys(tmp_path))).away()) == {ANNA: "over-1/noord"}
    for spoilt in (sent.replace(b"away", b"back"), sent.replace(b"noord", b"zuid-"), sent.replace(b"away:", b"lent:")):
        path.write_bytes(spoilt)
        with pytest.raises(VaultProblem, match="vault-damaged"):
            await open_vault(keys(tmp_path))
    path.write_bytes(sent)
    again = await open_vault(keys(tmp_path))
    with full_disk(), pytest.raises(VaultProblem, match="vault-disk-full"):
        await again.take_back(ANNA, "over-1/noord", NOW)
    assert (path.read_bytes(), dict(again.away())) == (sent, {ANNA: "over-1/noord"})


async def test_a_damaged_line_keeps_the_vault_shut(tmp_path: Path) -> None:
    said = await two_destroyed(tmp_path)
    for spoilt in (said.replace(b"1111", b"2222", 1), b"\xff" + said[1:], b"\n" + said, said.replace(b"2026", b"2027")):
        (tmp_path / "away" / "list").write_bytes(spoilt)
        with pytest.raises(VaultProblem, match="vault-damaged"):
            await open_vault(keys(tmp_path))


async def test_a_list_that_is_cut_while_we_look_is_damage(tmp_path: Path) -> None:
    await two_destroyed(tmp_path)
    vault = await open_vault(keys(tmp_path))
    (tmp_path / "away" / "list").write_bytes(b"")
    with pytest.raises(VaultProblem, match="vault-damaged"):
        vault.destroyed()


async def test_a_damaged_key_is_damage_and_the_others_open(tmp_path: Path) -> None:
    vault = await open_vault(keys(tmp_path))
    for key_id in (ANNA, BOB):
        await vault.create(key_id)
    sealed = await vault.seal(BOB, "card", b"{}")
    (tmp_path / "keys" / ANNA[:2] / ANNA).write_bytes(b"{")
    fresh = await open_vault(keys(tmp_path))
    assert (await fresh.state()).damaged == 1
    with pytest.raises(VaultProblem, match="vault-damaged"):
        await fresh.seal(ANNA, "card", b"{}")
    assert await fresh.unseal(BOB, "card", sealed) == b"{}"


async def test_what_one_process_destroys_the_other_forgets_at_once(tmp_path: Path) -> None:
    one, other = await open_vault(keys(tmp_path)), await open_vault(keys(tmp_path))
    await one.create(ANNA)
    sealed = await one.seal(ANNA, "card", b"{}")
    assert await other.unseal(ANNA, "card", sealed) == b"{}"
    await one.destroy(ANNA, NOW)
    with pytest.raises(VaultProblem, match="vault-key-destroyed"):
        await other.unseal(ANNA, "card", sealed)


def test_many_processes_write_one_list(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from shared.vault_files import FileKeys

async def main(folder, number):
    keys = FileKeys(folder / "keys", folder / "away" / "list")
    await keys.open()
    for n in range(20):
        await keys.destroy(f"{number:08x}-0000-4000-8000-{n:012x}", datetime.now(UTC))

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""
    running = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(n)]) for n in range(4)]
    assert [each.wait(60) for each in running] == [0] * 4
    store = keys(tmp_path)
    assert len(store.destroyed()) == 80


async def test_on_a_full_disk_nothing_is_half_done(tmp_path: Path) -> None:
    vault = await open_vault(keys(tmp_path))
    await vault.create(ANNA)
    sealed = await vault.seal(ANNA, "card", b"{}")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with full_disk(), pytest.raises(VaultProblem, match="vault-disk-full"):
        await vault.create(BOB)
    with full_disk(), pytest.raises(VaultProblem, match="vault-disk-full"):
        await vault.destroy(ANNA, NOW)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.name != BOB[:2]) == before
    assert await vault.unseal(ANNA, "card", sealed) == b"{}"
    assert (tmp_path / "away" / "list").read_bytes() == b""


@contextmanager
def full_disk() -> Iterator[None]:
    """Nothing can be written: the system says so, as it does of a disk that is full."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


async def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    vault = await open_vault(keys(tmp_path))
    await vault.create(ANNA)
    for path in tmp_path.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


async def test_an_id_that_is_none_reaches_no_file(tmp_path: Path) -> None:
    vault = await open_vault(keys(tmp_path))
    for bad in ("../../etc/passwd", "", "x" * 300):
        with pytest.raises(VaultProblem, match="vault-key-missing"):
            await vault.seal(bad, "card", b"{}")


@pytest.mark.parametrize("text", ["", "[]", '{"keys":[]}', '{"keys":[{"kid":"a","k":"AAAA"}]}', '{"keys":[{"k":"*"}]}'])
def test_site_keys_that_are_none_say_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "vault.jwks"
    path.write_text(text)
    with pytest.raises(VaultProblem, match="vault-damaged"):
        load_site_keys(path)
    with pytest.raises(VaultProblem, match="vault-unavailable"):
        load_site_keys(tmp_path / "nowhere")


def test_site_keys_are_read_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "vault.jwks"
    path.write_text(json.dumps({"keys": [{"kty": "oct", "kid": name, "k": "A" * 43} for name in ("new", "old")]}))
    assert [key.id for key in load_site_keys(path)] == ["new", "old"]


async def test_two_who_look_at_the_list_at_once_read_every_line_once(tmp_path: Path) -> None:
    for round_ in range(40):
        folder = tmp_path / str(round_)
        writer, reader = keys(folder), keys(folder)
        await writer.open()
        for n in range(30):
            await writer.destroy(f"{round_:08x}-0000-4000-8000-{n:012x}", NOW)
        with ThreadPoolExecutor(4) as pool:
            for each in [pool.submit(reader.destroyed) for _ in range(4)]:
                each.result()
        assert len(reader.destroyed()) == 30


async def test_a_key_that_was_being_wrapped_anew_leaves_no_second_copy(tmp_path: Path) -> None:
    vault = await open_vault(keys(tmp_path))
    await vault.create(ANNA)
    left = tmp_path / "keys" / ANNA[:2] / f"{ANNA}.new"
    left.write_bytes(b"the same key, under another site key")
    await vault.destroy(ANNA, NOW)
    assert not left.exists()
    left.write_bytes(b"once more, by a process that died")
    await open_vault(keys(tmp_path))
    assert not left.exists()


async def test_keys_without_their_list_keep_the_vault_shut(tmp_path: Path) -> None:
    await two_destroyed(tmp_path)
    (tmp_path / "away" / "list").unlink()
    with pytest.raises(VaultProblem, match="vault-damaged"):
        await open_vault(keys(tmp_path))
    (tmp_path / "away" / "list").touch()  # somebody says that it is lost for good
    await open_vault(keys(tmp_path))
