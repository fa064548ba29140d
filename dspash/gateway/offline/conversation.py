"""A conversation: an lm15 Request, read and checked, as far as a model of text has use for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from dspash.gateway.errors import ModelRequestError
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["Conversation", "Settings", "ToolSpec", "ToolUse", "Turn", "read_conversation"]

Role = Literal["system", "user", "assistant", "tool"]
_ROLES: Final[Mapping[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


@dataclass(frozen=True, slots=True, eq=False)
class ToolUse:
    """A tool that was called, with its arguments; `result` is None on the calling side."""

    id: str
    name: str
    arguments: JsonMap
    result: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """What one side said: the text of all its parts, the tools it called, the results it brought."""

    role: Role
    text: str
    uses: tuple[ToolUse, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ToolSpec:
    """A function the model may call; `parameters` is a JSON schema of its arguments."""

    name: str
    description: str
    parameters: JsonMap


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """The settings that change what the offline model says; the others of lm15's Config have no meaning for it."""

    temperature: float
    max_tokens: int | None
    stop: tuple[str, ...]
    response_format: JsonMap
    tool_choice: Literal["auto", "required", "none"]
    allowed_tools: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Conversation:
    """System text, turns oldest first (at least one), tools and settings of one request."""

    model: str
    system: str
    turns: tuple[Turn, ...]
    tools: tuple[ToolSpec, ...]
    settings: Settings


def read_conversation(request: JsonMap) -> Conversation:
    """Read a request dict. Raises ModelRequestError with the path of the first thing that is not lm15."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ModelRequestError("$.messages", "a request needs at least one message")
    turns = [_turn(message, f"$.messages[{i}]") for i, message in enumerate(messages)]
    system = [
        _text_of(request.get("system"), "$.system"),
        *[turn.text for turn in turns if turn.role == "system"],
    ]
    tools = request.get("tools") or []
    if not isinstance(tools, list):
        raise ModelRequestError("$.tools", f"{_kind(tools)} is not a list of tools")
    model = request.get("model")
    return Conversation(
        model=model if isinstance(model, str) else "offline",
        system="\n\n".join([text for text in system if text]),
        turns=tuple([turn for turn in turns if turn.role != "system"]),
        tools=tuple([_tool(tool, f"$.tools[{i}]") for i, tool in enumerate(tools) if not _is_builtin(tool)]),
        settings=_settings(_map(request.get("config"), "$.config")),
    )


def _turn(message: JsonValue, path: str) -> Turn:
    found = _map(message, path)
    role = _ROLES.get(str(found.get("role")))
    if role is None:
        raise ModelRequestError(
            f"{path}.role", f"{found.get('role')!r} is none of {', '.join(sorted(_ROLES))}"
        )
    parts = found.get("parts", [])
    if isinstance(parts, str):
        return Turn(role, parts)
    if not isinstance(parts, list):
        raise ModelRequestError(f"{path}.parts", f"{_kind(parts)} is not a list of parts")
    texts: list[str] = []
    uses: list[ToolUse] = []
    for i, part in enumerate(parts):
        _read_part(part, f"{path}.parts[{i}]", texts, uses)
    return Turn(role, "\n".join(texts), tuple(uses))


def _read_part(part: JsonValue, path: str, texts: list[str], uses: list[ToolUse]) -> None:
    """Add one part's text or tool use; what is neither (an image, a sound) is named, since it cannot be seen."""
    if isinstance(part, str):
        texts.append(part)
        return
    found = _map(part, path)
    kind = found.get("type")
    if kind in {"text", "refusal"}:
        texts.append(_str(found.get("text"), f"{path}.text"))
    elif kind == "tool_call":
        uses.append(
            ToolUse(str(found.get("id", "")), str(found.get("name", "")), _map(found.get("input"), path))
        )
    elif kind == "tool_result":
        result = _text_of(found.get("content"), f"{path}.content")
        uses.append(ToolUse(str(found.get("id", "")), str(found.get("name") or ""), {}, result))
        texts.append(result)
    elif kind == "data":
        texts.append(str(found.get("value")))
    elif not isinstance(kind, str):
        raise ModelRequestError(f"{path}.type", "a part needs a type")
    elif kind != "thinking":
        texts.append(f"[{kind}]")


def _text_of(value: JsonValue, path: str) -> str:
    """The text of a string, or of a list of parts."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise ModelRequestError(path, f"{_kind(value)} is neither text nor a list of parts")
    texts: list[str] = []
    for i, part in enumerate(value):
        _read_part(part, f"{path}[{i}]", texts, [])
    return "\n".join(texts)


def _is_builtin(tool: JsonValue) -> bool:
    """Whether a tool runs at the provider (web search and the like): there is no provider here to run it."""
    return isinstance(tool, dict) and tool.get("type") == "builtin"


def _tool(tool: JsonValue, path: str) -> ToolSpec:
    found = _map(tool, path)
    name = _str(found.get("name"), f"{path}.name")
    return ToolSpec(
        name, str(found.get("description") or ""), _map(found.get("parameters"), f"{path}.parameters")
    )


def _settings(config: JsonMap) -> Settings:
    choice = _map(config.get("tool_choice"), "$.config.tool_choice")
    mode = choice.get("mode", "auto")
    allowed = choice.get("allowed", [])
    stop = config.get("stop", [])
    return Settings(
        temperature=_number(config.get("temperature"), "$.config.temperature"),
        max_tokens=_count(config.get("max_tokens"), "$.config.max_tokens"),
        stop=_strings(stop),
        response_format=_map(config.get("response_format"), "$.config.response_format"),
        tool_choice=cast(
            "Literal['auto', 'required', 'none']", mode if mode in {"required", "none"} else "auto"
        ),
        allowed_tools=_strings(allowed),
    )


def _strings(value: JsonValue) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return (
        tuple([item for item in value if isinstance(item, str) and item]) if isinstance(value, list) else ()
    )


def _number(value: JsonValue, path: str) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ModelRequestError(path, f"{value!r} is not a number of at least 0")
    return float(value)


def _count(value: JsonValue, path: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ModelRequestError(path, f"{value!r} is not a count of at least 1")
    return value


def _map(value: JsonValue, path: str) -> JsonMap:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ModelRequestError(path, f"{_kind(value)} is not an object")
    return value


def _str(value: JsonValue, path: str) -> str:
    if not isinstance(value, str):
        raise ModelRequestError(path, f"{_kind(value)} is not text")
    return value


def _kind(value: JsonValue) -> str:
    return type(value).__name__
