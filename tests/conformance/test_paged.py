"""A `Paged` is what a dictionary would be, whatever is done to it, and leaves the one it came from as it was."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shared.paged import PAGE, Paged

KEYS = st.sampled_from([f"p{number}" for number in range(3 * PAGE + 1)])
CHANGES = st.lists(st.tuples(KEYS, st.one_of(st.none(), st.integers())), max_size=2 * PAGE)


def made_of(things: dict[str, int]) -> Paged[int]:
    edit = Paged[int]().edit()
    for key, thing in things.items():
        edit[key] = thing
    return edit.done()


def assert_same(paged: Paged[int], things: dict[str, int]) -> None:
    """As the dictionary says, in its order."""
    assert list(paged.items()) == list(things.items())
    assert (list(paged), list(paged.values()), len(paged)) == (list(things), list(things.values()), len(things))
    assert bool(paged) == bool(things)
    for key in (*things, "another"):
        assert (key in paged, paged.get(key), paged.get(key, "none")) == (
            key in things,
            things.get(key),
            things.get(key, "none"),
        )
    assert all(paged[key] == thing for key, thing in things.items())


@given(st.dictionaries(KEYS, st.integers()), st.lists(CHANGES, max_size=4))
def test_it_is_what_a_dictionary_would_be(things: dict[str, int], turns: list[list[tuple[str, int | None]]]) -> None:
    paged = made_of(things)
    assert_same(paged, things)
    for changes in turns:
        edit, after = paged.edit(), dict(things)
        for key, thing in changes:
            if thing is not None:
                edit[key] = after[key] = thing
                assert edit[key] == thing
            elif key in after:
                assert edit.pop(key) == after.pop(key)
        assert_same(paged, things)
        paged, things = edit.done(), after
        assert_same(paged, things)
        assert msgspec.json.decode(msgspec.json.encode(paged), type=Paged[int]) == paged


def test_a_change_leaves_the_other_pages_as_they_are() -> None:
    before = made_of({f"p{number}": number for number in range(3 * PAGE)})
    edit = before.edit()
    edit[f"p{PAGE}"] = -1
    after = edit.done()
    assert after.numbers is before.numbers
    assert [mine is theirs for mine, theirs in zip(after.pages, before.pages, strict=True)] == [True, False, True]
    assert before.edit().done() is before
