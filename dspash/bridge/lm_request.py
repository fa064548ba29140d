"""LM requests of untrusted programs: which parts of one may reach a provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

__all__ = ["Unfit", "check_embedding", "check_lm_request"]

_KEYS: Final = frozenset({"model", "messages", "system", "tools", "config"})
_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})
_CONFIG: Final = frozenset(
    {
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "response_format",
        "tool_choice",
        "reasoning",
        "cache",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "logprobs",
        "probabilities",
    }
)
"""Not among them: `extensions`, passed to providers as they are; `store`, `service_tier` and `user_id`, which are the
host's to decide."""

_OF_EMBEDDINGS: Final = frozenset({"dimensions", "input_type", "encoding_format", "truncate"})
_PARTS: Final = frozenset(
    "text thinking refusal citation image audio video document binary tool_call tool_result data".split()
)
_INLINE: Final = "data:"
MOST_MESSAGES: Final = 2_000
MOST_TOOLS: Final = 256
MOST_INPUTS: Final = 4_096
LONGEST_MODEL: Final = 200


@dataclass(frozen=True, slots=True)
class Unfit:
    """What is wrong with a request, in words that hold nothing of it, and where."""

    what: str
    path: str


def check_lm_request(request: Mapping[str, Any]) -> Unfit | None:
    """What keeps `request`, an lm15 Request as a map, from being passed on; None when nothing does.

    A part that names a file of the host (`path`), a file at the provider (`file_id`) or an address that the provider would
    fetch, and a tool that the provider runs, are refused: each would let a program without files and network reach some
    through its model.
    """
    return next(_problems(request), None)


def check_embedding(args: Mapping[str, Any]) -> Unfit | None:
    """What keeps `args`, those of `lm.embed`, from being passed on; None when nothing does."""
    inputs = args.get("inputs")
    if not isinstance(inputs, list) or len(cast("list[Any]", inputs)) > MOST_INPUTS:
        return Unfit("inputs that are no list, or too many", "$.inputs")
    if not all(isinstance(text, str) for text in cast("list[Any]", inputs)):
        return Unfit("an input that is no text", "$.inputs")
    options = args.get("options", {})
    if not isinstance(options, dict):
        return Unfit("options that are no map", "$.options")
    return next(_unknown(cast("dict[str, Any]", options), _OF_EMBEDDINGS, "$.options"), None)


def _problems(request: Mapping[str, Any]) -> Iterator[Unfit]:
    yield from _unknown(request, _KEYS, "$.request")
    model = request.get("model", "")
    if not isinstance(model, str) or len(model) > LONGEST_MODEL:
        yield Unfit("a model that is no name", "$.request.model")
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages or len(cast("list[Any]", messages)) > MOST_MESSAGES:
        yield Unfit("messages that are no list, or none, or too many", "$.request.messages")
        return
    for index, message in enumerate(cast("list[Any]", messages)):
        yield from _problems_of_message(message, f"$.request.messages[{index}]")
    system = request.get("system")
    if isinstance(system, list):
        yield from _problems_of_parts(cast("list[Any]", system), "$.request.system")
    elif not (system is None or isinstance(system, str)):
        yield Unfit("a system prompt that is neither text nor parts", "$.request.system")
    yield from _problems_of_tools(request.get("tools", []))
    yield from _problems_of_config(request.get("config", {}))


def _problems_of_message(message: Any, path: str) -> Iterator[Unfit]:
    if not isinstance(message, dict):
        yield Unfit("a message that is no map", path)
        return
    fields = cast("dict[str, Any]", message)
    yield from _unknown(fields, {"role", "parts", "continuation"}, path)
    if fields.get("role") not in _ROLES:
        yield Unfit("a message of an unknown role", f"{path}.role")
    yield from _problems_of_parts(fields.get("parts"), f"{path}.parts")


def _problems_of_parts(parts: Any, path: str) -> Iterator[Unfit]:
    if not isinstance(parts, list):
        yield Unfit("parts that are no list", path)
        return
    for index, part in enumerate(cast("list[Any]", parts)):
        place = f"{path}[{index}]"
        if not isinstance(part, dict) or cast("dict[str, Any]", part).get("type") not in _PARTS:
            yield Unfit("a part of an unknown type", f"{place}.type")
            continue
        fields = cast("dict[str, Any]", part)
        for name in ("path", "file_id"):
            if fields.get(name) is not None:
                yield Unfit("a part that names a file", f"{place}.{name}")
        url = fields.get("url")
        if url is not None and not (isinstance(url, str) and url.startswith(_INLINE)):
            yield Unfit("a part with an address to fetch", f"{place}.url")
        if fields.get("type") == "tool_result":
            yield from _problems_of_parts(fields.get("content", []), f"{place}.content")


def _problems_of_tools(tools: Any) -> Iterator[Unfit]:
    if not isinstance(tools, list) or len(cast("list[Any]", tools)) > MOST_TOOLS:
        yield Unfit("tools that are no list, or too many", "$.request.tools")
        return
    for index, tool in enumerate(cast("list[Any]", tools)):
        kind: Any = cast("dict[str, Any]", tool).get("type") if isinstance(tool, dict) else None
        if kind != "function":
            yield Unfit("a tool that the provider would run", f"$.request.tools[{index}].type")


def _problems_of_config(config: Any) -> Iterator[Unfit]:
    if not isinstance(config, dict):
        yield Unfit("a config that is no map", "$.request.config")
    else:
        yield from _unknown(cast("dict[str, Any]", config), _CONFIG, "$.request.config")


def _unknown(given: Mapping[str, Any], known: frozenset[str] | set[str], path: str) -> Iterator[Unfit]:
    if not known.issuperset(given):
        yield Unfit("a setting that a sandboxed program may not make", path)
