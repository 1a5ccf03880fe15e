"""The repository as text and as syntax trees, read once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("shared", "services", "infra")
PYTHON = (*PRODUCT, "tests", "bench")
SERVICES = tuple(sorted(path.name for path in (ROOT / "services").iterdir() if (path / "app.py").is_file()))
"""The services that run."""

_NOT_OURS = {".git", ".venv", ".venv-tools", ".plek", "__pycache__", "node_modules", "dist"}
_CACHE = re.compile(r"\..*_cache|\.hypothesis|\.schemathesis|.*\.egg-info")


@cache
def files(*folders: str, suffix: str = ".py") -> tuple[Path, ...]:
    """Files of the repository below `folders` (all of it: none named), in order."""
    return tuple(
        sorted(path for folder in folders or (".",) for path in _below(ROOT / folder) if path.suffix == suffix)
    )


@cache
def every_file() -> tuple[Path, ...]:
    """Everything a clone holds."""
    return tuple(sorted(_below(ROOT)))


@cache
def text(path: Path) -> str:
    """What a file says."""
    return path.read_text("utf-8")


@cache
def tree(path: Path) -> ast.Module:
    """A Python file's syntax."""
    return ast.parse(text(path), str(path))


def name(path: Path) -> str:
    """A file's name for a message: relative to the repository."""
    return path.relative_to(ROOT).as_posix()


def words(identifier: str) -> list[str]:
    """The words an identifier is made of, in lower case: `PlaceHeld` and `place_held` give place, held."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", identifier)]


def kebab(class_name: str) -> str:
    """`PlaceHeld` as stored names write it: place-held. A version at its end (`PlaceHeldV1`) is left out."""
    return "-".join(words(re.sub(r"V[0-9]+$", "", class_name)))


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _NOT_OURS or _CACHE.fullmatch(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)
        elif path.is_file():
            yield path
