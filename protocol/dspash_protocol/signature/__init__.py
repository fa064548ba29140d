"""Signatures: the closed grammar that host and worker share. Text and field lists in, values that check inputs out."""

from __future__ import annotations

from dspash_protocol.signature.check import Problem, check_inputs, check_value_type, summary
from dspash_protocol.signature.errors import SignatureError, closest
from dspash_protocol.signature.input_check import InputCheck
from dspash_protocol.signature.limits import MAX_DEPTH, MAX_FIELDS, MAX_OPTIONS, MAX_TEXT
from dspash_protocol.signature.parser import parse_signature, parse_type
from dspash_protocol.signature.reading import read_signature, read_type
from dspash_protocol.signature.render import signature_map, signature_text, type_text
from dspash_protocol.signature.types import (
    ANY,
    BOOL,
    FLOAT,
    INT,
    NONE,
    STR,
    DspyType,
    Field,
    ListOf,
    LiteralOf,
    MapOf,
    ObjectOf,
    Scalar,
    ScalarName,
    SignatureSpec,
    SpecialName,
    Type,
    UnionOf,
    optional_of,
    union_of,
)

__all__ = [
    "ANY",
    "BOOL",
    "FLOAT",
    "INT",
    "MAX_DEPTH",
    "MAX_FIELDS",
    "MAX_OPTIONS",
    "MAX_TEXT",
    "NONE",
    "STR",
    "DspyType",
    "Field",
    "InputCheck",
    "ListOf",
    "LiteralOf",
    "MapOf",
    "ObjectOf",
    "Problem",
    "Scalar",
    "ScalarName",
    "SignatureError",
    "SignatureSpec",
    "SpecialName",
    "Type",
    "UnionOf",
    "check_inputs",
    "check_value_type",
    "closest",
    "optional_of",
    "parse_signature",
    "parse_type",
    "read_signature",
    "read_type",
    "signature_map",
    "signature_text",
    "summary",
    "type_text",
    "union_of",
]
