"""What a judge says when something that must hold did not."""

from __future__ import annotations


class Violation(AssertionError):
    """Something that must hold whatever happens did not."""


def require(holds: bool, what: str, *about: object) -> None:
    """Raises `Violation` unless it holds; about: what it was about."""
    if not holds:
        raise Violation(f"{what}: {', '.join(map(str, about))}" if about else what)
