"""Reading: a signature as a request carries it, text or field lists, into one value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dspash_protocol.errors import InvalidValueError
from dspash_protocol.signature.check import first_problem
from dspash_protocol.signature.errors import SignatureError, closest
from dspash_protocol.signature.json_schema import literal_of, type_of_schema
from dspash_protocol.signature.limits import MAX_DEPTH, MAX_FIELDS
from dspash_protocol.signature.names import check_names
from dspash_protocol.signature.parser import parse_signature, parse_type
from dspash_protocol.signature.shapes import is_list, is_map, kind_of
from dspash_protocol.signature.tokens import is_name
from dspash_protocol.signature.types import STR, Field, ObjectOf, SignatureSpec, Type
from dspash_protocol.values import check_value

__all__ = ["read_signature", "read_type"]

# Each key with the spellings it is known under; the first is the canonical one.
_SIGNATURE_KEYS: Final = {
    "inputs": ("inputs", "input_fields"),
    "outputs": ("outputs", "output_fields"),
    "instructions": ("instructions", "docstring"),
    "name": ("name",),
    "signature": ("signature",),
    "metadata": ("metadata",),
}
_FIELD_KEYS: Final = {
    "name": ("name",),
    "type": ("type",),
    "desc": ("desc", "description"),
    "optional": ("optional",),
    "default": ("default",),
    "values": ("values",),
}


def read_signature(raw: object, *, instructions: str = "", path: str = "$.signature") -> SignatureSpec:
    """Read text, or a map with `inputs` and `outputs` (or the text under `signature`) and `instructions`.

    `instructions` are those given beside it. Raises SignatureError with path, field and character.
    """
    if isinstance(raw, str):
        try:
            return parse_signature(raw, instructions=instructions)
        except SignatureError as error:
            raise error.under(path) from None
    if not is_map(raw):
        raise SignatureError(f"text or a map is wanted, this is {kind_of(raw)}", path=path)
    try:
        check_value(raw, at=path)
    except InvalidValueError as error:
        raise SignatureError(error.problem, path=error.path) from None
    given = _known(raw, _SIGNATURE_KEYS, path)
    told = _text(given, "instructions", path) or instructions
    name = _text(given, "name", path)
    if "signature" in given:
        spec = read_signature(given["signature"], instructions=told, path=f"{path}.signature")
        return SignatureSpec(spec.inputs, spec.outputs, spec.instructions, name or spec.name)
    inputs = _fields(given.get("inputs", []), f"{path}.inputs", 0)
    outputs = _fields(given.get("outputs", []), f"{path}.outputs", 0)
    if not outputs:
        raise SignatureError("there is no output field", path=f"{path}.outputs")
    try:
        check_names(inputs, outputs)
    except SignatureError as error:
        raise error.under(path) from None
    return SignatureSpec(inputs, outputs, told, name)


def read_type(raw: object, *, path: str = "$.type", depth: int = 0) -> Type:
    """Read a type given as text, as a JSON Schema or as a list of fields. Raises SignatureError with the path."""
    if isinstance(raw, str):
        try:
            return parse_type(raw)
        except SignatureError as error:
            raise error.under(path) from None
    if is_map(raw):
        return type_of_schema(raw, path=path)
    if is_list(raw):
        fields = _fields(raw, path, depth + 1)
        if not fields:
            raise SignatureError("an object without fields", path=path, hint='write "dict" for any map')
        return ObjectOf(fields)
    raise SignatureError(
        f"text, a JSON schema or a list of fields is wanted, this is {kind_of(raw)}", path=path
    )


def _fields(raw: object, path: str, depth: int) -> tuple[Field, ...]:
    if depth > MAX_DEPTH:
        raise SignatureError(f"nested deeper than {MAX_DEPTH} levels", path=path)
    if not is_list(raw):
        raise SignatureError(f"a list of fields is wanted, this is {kind_of(raw)}", path=path)
    if len(raw) > MAX_FIELDS:
        raise SignatureError(f"more than {MAX_FIELDS} fields", path=path)
    fields = tuple(_field(item, f"{path}[{index}]", depth) for index, item in enumerate(raw))
    if depth and len({field.name for field in fields}) < len(fields):
        raise SignatureError("a name occurs twice in this object", path=path, hint="rename one of the two")
    return fields


def _field(raw: object, path: str, depth: int) -> Field:
    if isinstance(raw, str):
        raw = {"name": raw}
    if not is_map(raw):
        raise SignatureError(f"a map is wanted for a field, this is {kind_of(raw)}", path=path)
    given = _known(raw, _FIELD_KEYS, path)
    name = _text(given, "name", path)
    if not is_name(name):
        raise SignatureError(
            f"{name!r:.60} cannot name a field", path=f"{path}.name", hint="use letters, digits and _"
        )
    optional = given.get("optional") or False
    if not isinstance(optional, bool):
        raise SignatureError("true or false is wanted", field=name, path=f"{path}.optional")
    type_ = _field_type(given, name, path, depth)
    default = given.get("default")
    if default is not None and (problem := first_problem(type_, default)) is not None:
        raise SignatureError(f"the default does not fit: {problem}", field=name, path=f"{path}.default")
    stated = given.get("type") is not None or "values" in given
    return Field(name, type_, stated, _text(given, "desc", path), optional, default)


def _field_type(given: Mapping[str, Any], name: str, path: str, depth: int) -> Type:
    try:
        if given.get("values") is not None:
            return literal_of(given["values"], path=f"{path}.values")
        raw = given.get("type")
        return STR if raw is None else read_type(raw, path=f"{path}.type", depth=depth)
    except SignatureError as error:
        raise error.under("$", field=name) from None


def _known(raw: Mapping[str, Any], keys: Mapping[str, tuple[str, ...]], path: str) -> dict[str, Any]:
    """Return the map under its canonical keys. Raises SignatureError for a key that is unknown or given twice."""
    canonical = {spelling: key for key, spellings in keys.items() for spelling in spellings}
    out: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in canonical:
            hint = closest(str(key), canonical) or f"known are {', '.join(canonical)}"
            raise SignatureError(f"unknown key {key!r:.60}", path=path, hint=hint)
        if canonical[key] in out:
            raise SignatureError(
                f"{key!r} says again what {' or '.join(keys[canonical[key]])} said", path=path
            )
        out[canonical[key]] = value
    return out


def _text(given: Mapping[str, Any], key: str, path: str) -> str:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise SignatureError(f"text is wanted, this is {kind_of(value)}", path=f"{path}.{key}")
    return value or ""
