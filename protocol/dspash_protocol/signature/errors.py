"""Errors of the signature grammar: one per defect, naming the field and the character."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["SignatureError", "closest"]


class SignatureError(ValueError):
    """A signature that cannot be read. Fix what `str()` names.

    `problem` is what is wrong, `hint` the way out; `field` the field it is in and `position` the character (from 0)
    in the text it was read from; `path` the place of that text in the request, such as `$.inputs[0].type`.
    """

    def __init__(
        self,
        problem: str,
        *,
        field: str | None = None,
        position: int | None = None,
        path: str = "$",
        hint: str = "",
    ) -> None:
        self.problem = problem
        self.field = field
        self.position = position
        self.path = path
        self.hint = hint
        super().__init__(problem)

    def __str__(self) -> str:
        places = [self.path] if self.path != "$" else []
        if self.field is not None:
            places.append(f"field {self.field!r:.80}")
        if self.position is not None:
            places.append(f"character {self.position}")
        place = ", ".join(places)
        return (f"{place}: " if place else "") + self.problem + (f"; {self.hint}" if self.hint else "")

    def under(self, path: str, *, field: str | None = None) -> SignatureError:
        """Return the same defect, told from further out: `path` is where its text stands in the request."""
        return SignatureError(
            self.problem,
            field=self.field if self.field is not None else field,
            position=self.position,
            path=path + self.path.removeprefix("$"),
            hint=self.hint,
        )


def closest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean …?` for the known word nearest to `word`, or nothing when none is near."""
    by_lower: dict[str, str] = {}
    for name in known:
        by_lower.setdefault(name.lower(), name)  # of two spellings the first is the one to teach
    matches = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean {by_lower[matches[0]]!r}?" if matches else ""
