"""Remembering: what DSPy works out anew at every Predict and could never find different."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, TypeAlias, TypeVar

from dspy._vendor.lm15 import serde
from dspy._vendor.lm15.compat import OpenAIChatCompat, ResolvedOpenAIChatCompat, resolve_openai_chat_compat
from dspy._vendor.lm15.providers import openai_chat
from dspy.adapters import ChatAdapter, JSONAdapter, XMLAdapter, utils
from dspy.adapters.decision import resolve_adapter
from dspy.adapters.types.decision import Choice, Noul, Score
from dspy.clients import execution
from dspy.lm15 import Config, Usage, request_from_openai_chat
from dspy.predict import predict
from dspy.signatures.signature import SignatureMeta
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

__all__ = ["remember"]

MOST_KEPT: Final = 512
"""Types, and signatures, of which something is kept; a program that makes them by the thousand loses only time."""

T = TypeVar("T")
_Fields: TypeAlias = dict[str, FieldInfo]

_ADAPTERS: Final = (ChatAdapter, JSONAdapter, XMLAdapter)
"""Those whose instructions are known to depend on the signature alone. A class derived from one may do as it likes."""

_SETTLED: Final = ("format_system_message", "user_message_output_requirements")
"""What such an adapter writes of a signature, whatever the inputs."""


@functools.cache
def remember() -> None:
    """Have DSPy keep what is the same at each call of one signature: two fifths of a short Predict.

    A type never changes once it is made. A signature seldom does, and what is kept of it holds while it looks the same.
    """
    utils.TypeAdapter = _adapter_of
    SignatureMeta.input_fields = property(_input_fields)  # type: ignore[assignment]
    SignatureMeta.output_fields = property(_output_fields)  # type: ignore[assignment]
    for kind in _ADAPTERS:
        for name in _SETTLED:
            setattr(kind, name, _kept_for(kind, getattr(kind, name)))
    predict.resolve_adapter = _resolve_adapter
    execution.request_from_openai_chat = _request_of
    setattr(openai_chat, _RESOLVE, _resolve_compat)
    setattr(openai_chat, _READ_CONFIG, _config_of)
    serde.usage_from_dict = _usage_of


# --- of types ---


def _adapter_of(kind: Any) -> TypeAdapter[Any]:
    try:
        return _kept_adapter(kind)
    except TypeError:  # an annotation that has no hash, or is no type: pydantic says which
        return TypeAdapter(kind)


@functools.lru_cache(MOST_KEPT)
def _kept_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


# --- of signatures, by their fields: the entry holds these, so no others can come to have the same id ---


_FIELDS: Final = "__pydantic_fields__"  # what model_fields returns, after a detour
_Sides: TypeAlias = tuple[_Fields, _Fields, _Fields]  # all, those that go in, those that come out
_sides: Final[dict[int, _Sides]] = {}


def _input_fields(signature: SignatureMeta) -> _Fields:
    fields: _Fields = signature.__dict__[_FIELDS]
    return (_sides.get(id(fields)) or _sides_of(fields))[1].copy()


def _output_fields(signature: SignatureMeta) -> _Fields:
    fields: _Fields = signature.__dict__[_FIELDS]
    return (_sides.get(id(fields)) or _sides_of(fields))[2].copy()


def _sides_of(fields: _Fields) -> _Sides:
    sides: dict[str, _Fields] = {"input": {}, "output": {}}
    for name, field in fields.items():
        extra: Any = field.json_schema_extra
        sides[extra["__dspy_field_type"]][name] = field
    return _keep(_sides, fields, (fields, sides["input"], sides["output"]))


_Look: TypeAlias = tuple[str | None, list[Any]]


def _look_of(signature: SignatureMeta, fields: _Fields) -> _Look:
    """All of a signature that may be seen in a prompt, and that optimizers have been seen to write to."""
    looks = [
        (name, field.annotation, field.metadata.copy(), field.json_schema_extra.copy())  # type: ignore[union-attr]
        for name, field in fields.items()
    ]
    return signature.__doc__, looks


class _Memory(Generic[T]):
    """What was made of each signature, and how that looked then."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[_Fields, _Look, T]] = {}

    def recall(self, signature: SignatureMeta, make: Callable[[], T]) -> T:
        """What is kept of `signature`; else, or when it has changed, what `make` makes of it now."""
        fields: _Fields = signature.__dict__[_FIELDS]
        look = _look_of(signature, fields)
        kept = self._kept.get(id(fields))
        if kept is None or kept[1] != look:
            kept = _keep(self._kept, fields, (fields, look, make()))
        return kept[2]


def _keep(kept: dict[int, T], fields: _Fields, entry: T) -> T:
    if len(kept) >= MOST_KEPT:
        kept.clear()
    kept[id(fields)] = entry
    return entry


def _kept_for(kind: type[ChatAdapter], write: Callable[[Any, Any], str]) -> Callable[[Any, Any], str]:
    """`write`, a method of `kind`, with a memory."""
    memory: _Memory[str] = _Memory()

    @functools.wraps(write)
    def recall(adapter: Any, signature: Any) -> str:
        if type(adapter) is not kind:
            return write(adapter, signature)
        return memory.recall(signature, lambda: write(adapter, signature))

    return recall


_decisions: Final[_Memory[bool]] = _Memory()


def _resolve_adapter(lm: Any, adapter: Any, signature: Any, fields: Any, declared: Any = None) -> Any:
    """DSPy's own, which returns `adapter` itself where no output is a decision."""
    is_plain = fields == {} and getattr(lm, "supports_decision_requests", False) is not True
    if is_plain and not _decisions.recall(signature, lambda: _may_decide(signature)):
        return adapter
    return resolve_adapter(lm, adapter, signature, fields, declared)


_DECISIONS: Final[tuple[Any, ...]] = (Noul, Choice, Score)


def _may_decide(signature: SignatureMeta) -> bool:
    return any(
        kind.extract_custom_type_from_annotation(part)
        for field in _output_fields(signature).values()
        for part in (field.rebuild_annotation(), *field.metadata)
        for kind in _DECISIONS
    )


# --- of the dialect in which adapters write requests: no engine of a worker has another ---

_RESOLVE: Final = "resolve_openai_chat_compat"
_READ_CONFIG: Final = "_ingest_config"
_DIALECT: Final = OpenAIChatCompat()
_RESOLVED_DIALECT: Final = resolve_openai_chat_compat(_DIALECT)


def _request_of(body: Any, *, compat: Any = None) -> Any:
    return request_from_openai_chat(body, compat=_DIALECT if compat is None else compat)


def _resolve_compat(partial: OpenAIChatCompat) -> ResolvedOpenAIChatCompat:
    return _RESOLVED_DIALECT if partial is _DIALECT else resolve_openai_chat_compat(partial)


_read_config: Final[Callable[..., Config]] = getattr(openai_chat, _READ_CONFIG)
_NO_MARKS: Final = {"system_breakpoint": False, "breakpoint_index": None}
_NO_SETTINGS: Final = frozenset({"model", "messages"})
_SCALARS: Final = frozenset({str, int, float, bool})
_Said: TypeAlias = tuple[tuple[str, type, Any], ...]  # with the type: 1, 1.0 and True are equal


def _config_of(
    provider: str, body: Mapping[str, Any], compat: ResolvedOpenAIChatCompat, **marks: Any
) -> Config:
    said: _Said = tuple(
        (name, type(value), value) for name, value in body.items() if name not in _NO_SETTINGS
    )
    if compat is _RESOLVED_DIALECT and marks == _NO_MARKS and all(kind in _SCALARS for _, kind, _ in said):
        config = _kept_config(provider, said)
        if config.extensions is None:  # with them, it holds something that could be written to
            return config
    return _read_config(provider, body, compat, **marks)


@functools.lru_cache(MOST_KEPT)
def _kept_config(provider: str, said: _Said) -> Config:
    return _read_config(provider, {name: value for name, _, value in said}, _RESOLVED_DIALECT, **_NO_MARKS)


# --- of answers ---

_COUNTS: Final = tuple(field.name for field in dataclasses.fields(Usage))
_COUNT_KINDS: Final = frozenset({int, type(None)})
_read_usage: Final = serde.usage_from_dict


def _usage_of(told: dict[str, Any]) -> Usage:
    counts = tuple(map(told.get, _COUNTS))
    return _kept_usage(counts) if _COUNT_KINDS.issuperset(map(type, counts)) else _read_usage(told)


@functools.lru_cache(MOST_KEPT)
def _kept_usage(counts: tuple[int | None, ...]) -> Usage:
    return Usage(*counts)
