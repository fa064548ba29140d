"""Literals: the values written in a signature, as defaults and as the options of a Literal."""

from __future__ import annotations

from typing import Any, Final

from dspash_protocol.signature.cursor import Cursor
from dspash_protocol.signature.limits import MAX_OPTIONS
from dspash_protocol.signature.tokens import Kind
from dspash_protocol.signature.types import LiteralValue

__all__ = ["is_option", "read_options", "read_value"]

_CONSTANTS: Final = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}


def read_value(cursor: Cursor) -> Any:
    """Read text, a number, true, false, null, a list or a map."""
    token = cursor.token
    if token.kind in (Kind.TEXT, Kind.NUMBER):
        return cursor.next().value
    if token.kind is Kind.NAME and token.text in _CONSTANTS:
        return _CONSTANTS[cursor.next().text]
    if cursor.accept("["):
        return _read_list(cursor)
    if cursor.accept("{"):
        return _read_map(cursor)
    hint = f'quote text, as in "{token.text:.60}"' if token.kind is Kind.NAME else ""
    raise cursor.error(f"a value is wanted, not {token}", hint=hint)


def read_options(cursor: Cursor) -> tuple[LiteralValue, ...]:
    """Read the options of a Literal up to and past its `]`."""
    options: dict[tuple[type, LiteralValue], None] = {}  # keyed by type too: 1 and true are two options
    while not cursor.at("]"):
        token, value = cursor.token, read_value(cursor)
        if not is_option(value):
            raise cursor.error(
                f"{token} cannot be an option", at=token, hint="options are text, integers or bools"
            )
        if (type(value), value) in options:
            raise cursor.error(f"option {token} occurs twice", at=token)
        options[type(value), value] = None
        if len(options) > MAX_OPTIONS:
            raise cursor.error(f"more than {MAX_OPTIONS} options", at=token)
        if not cursor.accept(","):
            break
    if not options:
        raise cursor.error("a Literal without options")
    cursor.take("]")
    return tuple(value for _, value in options)


def is_option(value: object) -> bool:
    """Whether a Literal can have this value: text, an integer or a bool."""
    return isinstance(value, str | int)


def _read_list(cursor: Cursor) -> list[Any]:
    items: list[Any] = []
    with cursor.deeper():
        while not cursor.at("]"):
            items.append(read_value(cursor))
            if not cursor.accept(","):
                break
    cursor.take("]")
    return items


def _read_map(cursor: Cursor) -> dict[str, Any]:
    items: dict[str, Any] = {}
    with cursor.deeper():
        while not cursor.at("}"):
            key = cursor.next()
            if key.kind is not Kind.TEXT:
                raise cursor.error(f"a quoted key is wanted, not {key}", at=key)
            if key.value in items:
                raise cursor.error(f"key {key} occurs twice", at=key)
            cursor.take(":")
            items[str(key.value)] = read_value(cursor)
            if not cursor.accept(","):
                break
    cursor.take("}")
    return items
