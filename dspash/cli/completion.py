"""Completion: what the shell offers for a half-typed argument."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

__all__ = ["Completer", "names_of", "one_of"]

Completer = Callable[[str], list[str]]
"""From what has been typed of an argument to what it can become."""

_MOST: Final = 50


def one_of(words: Sequence[str]) -> Completer:
    """Offers those of `words` that fit."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def names_of(table: str, attribute: str | None) -> Completer:
    """Offers the values of `attribute` that records have; none where they cannot be read: a shell has no use for why."""

    def complete(incomplete: str) -> list[str]:
        from dspash.cli.session import opened
        from dspash.errors import DspashError

        if attribute is None:
            return []
        fitting = {attribute: {"like": f"{_literal(incomplete)}%"}}
        try:
            with opened() as session:
                page = session.collection(table).list(filter=fitting, select=[attribute], limit=_MOST)
        except DspashError:
            return []
        return [str(getattr(record, attribute)) for record in page.items]

    return complete


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
