"""Cursor: where a parser stands in its tokens, and in which field."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from dspash_protocol.signature.errors import SignatureError
from dspash_protocol.signature.limits import MAX_DEPTH
from dspash_protocol.signature.tokens import Kind, Token, tokenize

__all__ = ["Cursor"]


class Cursor:
    """One pass over the tokens of one text; every error it makes names the field and the character."""

    def __init__(self, text: str) -> None:
        self._tokens = tokenize(text)
        self._field: str | None = None
        self._depth = 0
        self.token = next(self._tokens)

    def at(self, mark: str) -> bool:
        """Whether `mark` is next; "" is the end of the text."""
        if not mark:
            return self.token.kind is Kind.END
        return self.token.kind is Kind.MARK and self.token.text == mark

    def next(self) -> Token:
        """Go past the token that is here and return it; the end stays where it is."""
        token = self.token
        if token.kind is not Kind.END:
            try:
                self.token = next(self._tokens)
            except SignatureError as error:
                raise SignatureError(
                    error.problem, field=self._field, position=error.position, hint=error.hint
                ) from None
        return token

    def accept(self, mark: str) -> bool:
        """Go past `mark` if it is here; whether it was."""
        found = self.at(mark)
        if found:
            self.next()
        return found

    def take(self, mark: str, problem: str = "") -> None:
        """Go past `mark`, which must be here."""
        if not self.accept(mark):
            raise self.error(problem or f"{mark!r} is missing before {self.token}")

    def finish(self) -> None:
        """Nothing may follow."""
        if not self.at(""):
            raise self.error(f"{self.token} is unexpected here")

    def error(self, problem: str, *, at: Token | None = None, hint: str = "") -> SignatureError:
        """Return the error for `problem` at token `at`, or where the cursor stands."""
        return SignatureError(problem, field=self._field, position=(at or self.token).position, hint=hint)

    @contextmanager
    def field(self, name: str) -> Generator[None]:
        """Errors inside name this field, unless an outer one is being read already."""
        outermost = self._field is None
        if outermost:
            self._field = name
        yield
        if outermost:
            self._field = None

    @contextmanager
    def deeper(self) -> Generator[None]:
        """One level of nesting."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.error(f"nested deeper than {MAX_DEPTH} levels")
        yield
        self._depth -= 1
