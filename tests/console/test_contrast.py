"""The colours of the screens: every pair used together can be told apart, in light and in dark (WCAG 2.2 AA)."""

from __future__ import annotations

import re

import pytest

from services.console.api_pages import HERE

TEXT, SHAPE = 4.5, 3.0
"""Ratios of success criteria 1.4.3 (text) and 1.4.11 (shapes and the edges of controls)."""

GROUNDS = ("ground", "surface")
STATUSES = ("free", "held", "occupied", "blocked")

PAIRS = [
    *(("ink", ground, TEXT) for ground in (*GROUNDS, "surface-low")),
    *(("ink-soft", ground, TEXT) for ground in GROUNDS),
    *(("accent", ground, TEXT) for ground in GROUNDS),
    ("accent", "surface-low", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-strong", TEXT),
    ("ground", "ink", TEXT),
    *((status, ground, TEXT) for status in STATUSES for ground in (*GROUNDS, f"{status}-ground")),
    *((ink, f"{status}-ground", TEXT) for status in STATUSES for ink in ("ink", "ink-soft")),
    *(("alarm", ground, TEXT) for ground in (*GROUNDS, "alarm-ground")),
    ("ink", "alarm-ground", TEXT),
    *(("control-line", ground, SHAPE) for ground in (*GROUNDS, "surface-low")),
    *(("focus", ground, SHAPE) for ground in (*GROUNDS, *(f"{status}-ground" for status in STATUSES))),
    *((status, "bar-free", SHAPE) for status in ("occupied", "held")),
]


def tokens(scheme: str) -> dict[str, str]:
    """The colours by name, as `#rrggbb`."""
    text = (HERE / "static" / "tokens.css").read_text("utf-8")
    light, _, dark = text.partition("@media (prefers-color-scheme: dark)")
    found = dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6});", light))
    return found | dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{6});", dark)) if scheme == "dark" else found


def luminance(colour: str) -> float:
    """Relative luminance after WCAG, 0 to 1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_pair_of_colours_used_together_can_be_told_apart(scheme: str) -> None:
    colours = tokens(scheme)
    weak = [
        f"{front} on {back}: {ratio:.2f} < {least}"
        for front, back, least in PAIRS
        if (ratio := contrast(colours[front], colours[back])) < least
    ]
    assert weak == []


def test_every_colour_of_the_light_scheme_has_a_dark_one() -> None:
    light = tokens("light")
    assert [name for name, colour in tokens("dark").items() if light[name] == colour] == []


@pytest.mark.parametrize(
    "sheet", sorted(path.name for path in (HERE / "static").glob("*.css") if path.stem != "tokens")
)
def test_a_style_sheet_takes_its_colours_from_the_tokens(sheet: str) -> None:
    text = (HERE / "static" / sheet).read_text("utf-8")
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b(?=[^{}]*;)", text) == []
    sizes = {"shadow", "radius", "radius-small", "touch", "font", "space-"}
    assert set(re.findall(r"var\(--([a-z-]+)", text)) <= set(tokens("light")) | sizes
