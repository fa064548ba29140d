"""Content: what a module or program is, apart from its name: all that a worker needs to build the same one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, TypeAlias

from dspash.resources.content.canonical import hash_of, json_of, wire_of
from dspash.resources.content.errors import ContentError
from dspash.resources.content.reading import list_in, map_in, refuse_unknown, text_in
from dspash_protocol.signature import SignatureError, read_signature, signature_map

__all__ = [
    "Content",
    "ModuleContent",
    "ProgramContent",
    "ProgramForm",
    "State",
    "ToolContent",
    "classes_in",
    "content_of",
    "signature_of",
]

State: TypeAlias = Mapping[str, Any]
"""What was learned: DSPy's own state of every predictor, by the predictor's name."""


class ProgramForm(StrEnum):
    """How the text of a program is to be read.

    source: a `dspy.Module` class; forward_fn: a snippet that sees `self` and the inputs, and sets `result`;
    class: an importable `package.module:Class`.
    """

    SOURCE = "source"
    FORWARD_FN = "forward_fn"
    CLASS = "class"


@dataclass(frozen=True, slots=True)
class ToolContent:
    """What a program knows of a host function: its name, what it does, and a JSON Schema for each argument."""

    name: str
    desc: str = ""
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def to_map(self) -> dict[str, Any]:
        """As it travels, and is kept."""
        return {"name": self.name, "desc": self.desc, "args": dict(self.args)}

    @classmethod
    def from_map(cls, raw: object, path: str) -> ToolContent:
        """Read what `to_map` gave. Raises ContentError."""
        given = map_in(raw, path)
        refuse_unknown(given, ("name", "desc", "args"), path)
        return cls(
            text_in(given, "name", path),
            text_in(given, "desc", path, default=""),
            map_in(given.get("args", {}), f"{path}.args"),
        )


@dataclass(frozen=True, slots=True)
class ModuleContent:
    """A module: its type, and what that is given.

    `signature` is a map of field lists, `config` goes to the DSPy class, `inner` is the module that best_of_n, refine and
    parallel run, `reward` the metric by which the first two choose, `class_path` the class of a custom one.
    """

    type: str
    _: KW_ONLY
    signature: Mapping[str, Any] | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    tools: tuple[ToolContent, ...] = ()
    inner: Content | None = None
    reward: Any = None
    class_path: str | None = None
    state: State | None = None

    @property
    def content_hash(self) -> str:
        """Equal for equal contents, whatever they are called; 64 hexadecimal digits."""
        return hash_of(self.to_map())

    @property
    def unlearned(self) -> ModuleContent:
        """The same as it was before it learned anything."""
        return replace(self, state=None)

    def with_state(self, state: State | None) -> ModuleContent:
        """The same, having learned `state`."""
        return replace(self, state=state)

    def to_map(self) -> dict[str, Any]:
        """As it is kept: JSON values only. What is empty is left out. Raises ContentError for what is none."""
        parts = {
            "signature": self.signature,
            "config": self.config or None,
            "tools": [tool.to_map() for tool in self.tools] or None,
            "inner": None if self.inner is None else self.inner.to_map(),
            "reward": self.reward,
            "class": self.class_path,
            "state": self.state,
        }
        return json_of({"type": self.type, **_given(parts)})

    @classmethod
    def from_map(cls, raw: object, path: str = "$") -> ModuleContent:
        """Read what `to_map` gave. Raises ContentError naming the place that does not fit."""
        given = map_in(raw, path)
        refuse_unknown(given, _MODULE_KEYS, path)
        inner, state = given.get("inner"), given.get("state")
        signature = given.get("signature")
        return cls(
            text_in(given, "type", path),
            signature=None if signature is None else signature_of(signature, f"{path}.signature"),
            config=wire_of(map_in(given.get("config", {}), f"{path}.config")),
            tools=_tools_in(given, path),
            inner=None if inner is None else content_of(inner, f"{path}.inner"),
            reward=given.get("reward"),
            class_path=text_in(given, "class", path, default="") or None,
            state=None if state is None else wire_of(map_in(state, f"{path}.state")),
        )


@dataclass(frozen=True, slots=True)
class ProgramContent:
    """A program: a text in one of three forms, what its class is given, and the modules that are attributes of it.

    The order of `modules` is that in which optimizers meet them.
    """

    form: ProgramForm
    text: str
    _: KW_ONLY
    class_name: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    modules: tuple[tuple[str, ModuleContent], ...] = ()
    tools: tuple[ToolContent, ...] = ()
    state: State | None = None

    @property
    def content_hash(self) -> str:
        """Equal for equal contents, whatever they are called; 64 hexadecimal digits."""
        return hash_of(self.to_map())

    @property
    def unlearned(self) -> ProgramContent:
        """The same as it was before it learned anything; what its modules had learned before is theirs."""
        return replace(self, state=None)

    def with_state(self, state: State | None) -> ProgramContent:
        """The same, having learned `state`."""
        return replace(self, state=state)

    def to_map(self) -> dict[str, Any]:
        """As it is kept: JSON values only. What is empty is left out. Raises ContentError for what is none."""
        parts = {
            "class_name": self.class_name,
            "config": self.config or None,
            "modules": [{"name": name, **module.to_map()} for name, module in self.modules] or None,
            "tools": [tool.to_map() for tool in self.tools] or None,
            "state": self.state,
        }
        return json_of({"form": str(self.form), "text": self.text, **_given(parts)})

    @classmethod
    def from_map(cls, raw: object, path: str = "$") -> ProgramContent:
        """Read what `to_map` gave. Raises ContentError naming the place that does not fit."""
        given = map_in(raw, path)
        refuse_unknown(given, _PROGRAM_KEYS, path)
        form, state = text_in(given, "form", path), given.get("state")
        if form not in tuple(ProgramForm):
            raise ContentError(
                f"{path}.form", f"{form!r:.60} is no form", f"give one of {', '.join(ProgramForm)}"
            )
        return cls(
            ProgramForm(form),
            text_in(given, "text", path),
            class_name=text_in(given, "class_name", path, default="") or None,
            config=wire_of(map_in(given.get("config", {}), f"{path}.config")),
            modules=_modules_in(given, path),
            tools=_tools_in(given, path),
            state=None if state is None else wire_of(map_in(state, f"{path}.state")),
        )


Content: TypeAlias = ModuleContent | ProgramContent

_MODULE_KEYS: Final = ("type", "signature", "config", "tools", "inner", "reward", "class", "state")
_PROGRAM_KEYS: Final = ("form", "text", "class_name", "config", "modules", "tools", "state")


def content_of(raw: object, path: str = "$") -> Content:
    """Read a module or a program, told apart by their keys. Raises ContentError."""
    given = map_in(raw, path)
    return ProgramContent.from_map(given, path) if "form" in given else ModuleContent.from_map(given, path)


def signature_of(raw: object, path: str) -> dict[str, Any]:
    """The map of field lists that a signature, text or map, is kept as. Raises ContentError."""
    try:
        return signature_map(read_signature(raw, path=path))
    except SignatureError as error:
        raise ContentError(error.path, error.problem, error.hint or "fix the signature") from None


def _modules_in(given: Mapping[str, Any], path: str) -> tuple[tuple[str, ModuleContent], ...]:
    found: dict[str, ModuleContent] = {}
    for index, raw in enumerate(list_in(given, "modules", path)):
        place = f"{path}.modules[{index}]"
        entry = map_in(raw, place)
        name = text_in(entry, "name", place)
        if name in found:
            raise ContentError(
                f"{place}.name", f"{name!r:.60} is taken", "give each module a name of its own"
            )
        rest = {key: value for key, value in entry.items() if key != "name"}
        found[name] = ModuleContent.from_map(rest, place)
    return tuple(found.items())


def _tools_in(given: Mapping[str, Any], path: str) -> tuple[ToolContent, ...]:
    raws = list_in(given, "tools", path)
    return tuple(ToolContent.from_map(raw, f"{path}.tools[{index}]") for index, raw in enumerate(raws))


def _given(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in parts.items() if part is not None}


def classes_in(content: Content) -> set[str]:
    """The importable classes that a content names, anywhere in it."""
    if isinstance(content, ProgramContent):
        own = {content.text} if content.form is ProgramForm.CLASS else set[str]()
        return own.union(*(classes_in(module) for _, module in content.modules))
    own = {content.class_path} if content.class_path else set[str]()
    return own | (classes_in(content.inner) if content.inner is not None else set())
