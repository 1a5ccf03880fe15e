"""Sealed texts and the keys they open with: one suite for the files and for their memory twin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.vault import BLOCK_BYTES, KeyStore, SiteKey, Vault, VaultProblem
from shared.vault_files import FileKeys
from tests.support.memory_keys import SITE_KEY, MemoryKeys, open_vault

ANNA, BOB = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
NAME = b'{"name":"canary"}'
OTHER_KEY = SiteKey("newer", bytes(reversed(range(32))))


@pytest.fixture(params=["files", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    return FileKeys(tmp_path / "keys", tmp_path / "list") if request.param == "files" else MemoryKeys()


async def refused(code: str, vault: Vault, sealed: str, key_id: str = ANNA, name: str = "card") -> bool:
    with pytest.raises(VaultProblem) as problem:
        await vault.unseal(key_id, name, sealed)
    assert "canary" not in str(problem.value)
    return problem.value.code == code


async def test_what_was_sealed_opens_for_its_subject_and_name_only(store: KeyStore) -> None:
    vault = await open_vault(store)
    await vault.create(ANNA)
    await vault.create(BOB)
    sealed = await vault.seal(ANNA, "card", NAME)
    assert "canary" not in sealed
    assert await vault.unseal(ANNA, "card", sealed) == NAME
    assert await refused("vault-text-damaged", vault, sealed, name="personal")
    assert await refused("vault-text-damaged", vault, sealed, key_id=BOB)


@pytest.mark.parametrize("spoil", [lambda s: s[:-4], lambda s: s.replace("v1", "v2"), lambda _: "", lambda _: "v1.é.é"])
async def test_a_spoilt_text_is_no_text(store: KeyStore, spoil: object) -> None:
    vault = await open_vault(store)
    await vault.create(ANNA)
    sealed = await vault.seal(ANNA, "card", NAME)
    assert await refused("vault-text-damaged", vault, spoil(sealed))  # type: ignore[operator]


async def test_the_same_text_twice_shows_neither_that_nor_its_length(store: KeyStore) -> None:
    vault = await open_vault(store)
    await vault.create(ANNA)
    texts = [await vault.seal(ANNA, "card", NAME[:n]) for n in (1, 9, 17)] + [await vault.seal(ANNA, "card", NAME)]
    assert len(set(texts)) == 4
    assert len({len(text) for text in texts}) == 1
    assert len(await vault.seal(ANNA, "card", b"x" * (BLOCK_BYTES + 1))) > len(texts[0])


async def test_a_destroyed_key_opens_nothing_and_is_never_made_again(store: KeyStore) -> None:
    vault = await open_vault(store)
    await vault.create(ANNA)
    sealed = await vault.seal(ANNA, "card", NAME)
    assert await vault.destroy(ANNA, NOW) == NOW
    assert await vault.destroy(ANNA, NOW + timedelta(hours=1)) == NOW
    assert await refused("vault-key-destroyed", vault, sealed)
    with pytest.raises(VaultProblem, match="vault-key-used"):
        await vault.create(ANNA)
    assert ANNA not in await store.everything()
    assert await store.get(ANNA) is None


async def test_a_key_that_never_was_is_missing_and_one_that_is_there_is_not_made_twice(store: KeyStore) -> None:
    vault = await open_vault(store)
    await vault.create(ANNA)
    sealed = await vault.seal(ANNA, "card", NAME)
    with pytest.raises(VaultProblem, match="vault-key-used"):
        await vault.create(ANNA)
    assert await refused("vault-key-missing", vault, sealed, key_id=BOB)
    await vault.remove(ANNA)
    assert await refused("vault-key-missing", vault, sealed)


async def test_a_destroyed_key_of_a_restored_backup_is_removed_at_the_start(store: KeyStore) -> None:
    vault = await open_vault(store)
    await vault.create(ANNA)
    sealed, backup = await vault.seal(ANNA, "card", NAME), await store.get(ANNA)
    await vault.destroy(ANNA, NOW)
    assert backup is not None
    if isinstance(store, FileKeys):
        store._path(ANNA).write_bytes(backup)
        store = FileKeys(store._keys, store._list)
    else:
        assert isinstance(store, MemoryKeys)
        store.disk.keys[ANNA] = backup
    again = await open_vault(store)
    assert await store.get(ANNA) is None
    assert await refused("vault-key-destroyed", again, sealed)


async def test_a_new_site_key_wraps_every_key_anew_and_the_old_one_can_go(store: KeyStore) -> None:
    vault = await open_vault(store)
    await vault.create(ANNA)
    sealed, mark = await vault.seal(ANNA, "card", NAME), vault.fingerprint(b"x")
    rotated = Vault([OTHER_KEY, SITE_KEY], store)
    assert (await rotated.state()).older == 1
    await rotated.open()
    assert (await rotated.state()).older == 0
    alone = Vault([OTHER_KEY], store)
    await alone.open()
    assert await alone.unseal(ANNA, "card", sealed) == NAME
    assert alone.fingerprint(b"x") == mark


async def test_without_the_site_key_it_was_wrapped_under_nothing_opens(store: KeyStore) -> None:
    await (await open_vault(store)).create(ANNA)
    for keys, code in (([OTHER_KEY], "vault-key-unknown"), ([SITE_KEY._replace(key=b"x" * 32)], "vault-key-wrong")):
        with pytest.raises(VaultProblem) as problem:
            await Vault(keys, store).open()
        assert problem.value.code == code


async def test_a_fingerprint_needs_the_vault(store: KeyStore, tmp_path: Path) -> None:
    one, other = await open_vault(store), await open_vault()
    assert one.fingerprint(b"x") == one.fingerprint(b"x") != one.fingerprint(b"y")
    assert one.fingerprint(b"x") != other.fingerprint(b"x")


async def test_nothing_is_made_sealed_or_opened_before_the_vault_is_open(store: KeyStore) -> None:
    vault = await open_vault(store)
    await vault.create(ANNA)
    sealed = await vault.seal(ANNA, "card", NAME)
    with pytest.raises(VaultProblem, match="vault-key-unknown"):
        await (shut := Vault([OTHER_KEY], store)).open()
    assert await refused("vault-key-unknown", shut, sealed)
    for work in (shut.create(BOB), shut.seal(ANNA, "card", NAME)):
        with pytest.raises(VaultProblem, match="vault-key-unknown"):
            await work
    assert BOB not in await store.everything()
    await shut.destroy(ANNA, NOW)  # whoever wants to be forgotten is
    assert await refused("vault-key-destroyed", vault, sealed)


async def test_what_goes_wrong_names_nobody(store: KeyStore) -> None:
    vault = await open_vault(store)
    await vault.create(ANNA)
    sealed = await vault.seal(ANNA, "card", NAME)
    for key_id, code in ((BOB, "vault-key-missing"), (ANNA, "vault-key-destroyed")):
        await vault.destroy(ANNA, NOW)
        with pytest.raises(VaultProblem, match=code) as problem:
            await vault.unseal(key_id, "card", sealed)
        assert key_id not in str(problem.value)


async def test_what_was_sent_is_known_until_it_was_not_taken_or_the_key_is_destroyed(store: KeyStore) -> None:
    vault = await open_vault(store)
    for key_id in (ANNA, BOB):
        await vault.create(key_id)
        await vault.send(key_id, "over-1/noord", NOW)
    await vault.send(ANNA, "over-1/noord", NOW)
    await vault.take_back(ANNA, "over-2/zuid", NOW)
    assert dict(vault.away()) == {ANNA: "over-1/noord", BOB: "over-1/noord"}
    await vault.send(ANNA, "over-2/zuid", NOW)
    await vault.take_back(ANNA, "over-1/noord", NOW)
    again = await open_vault(FileKeys(store._keys, store._list) if isinstance(store, FileKeys) else store)
    assert dict(again.away()) == {ANNA: "over-2/zuid", BOB: "over-1/noord"}
    await again.take_back(ANNA, "over-2/zuid", NOW)
    await again.destroy(BOB, NOW)
    await again.send(BOB, "over-3/west", NOW)
    assert dict(again.away()) == {}
    assert set(again.destroyed()) == {BOB}
    assert await again.seal(ANNA, "card", NAME)


async def test_a_damaged_list_says_of_nobody_that_they_are_here(store: KeyStore) -> None:
    vault = await open_vault(store)
    vault.shut = "vault-damaged"
    with pytest.raises(VaultProblem, match="vault-damaged"):
        vault.away()
