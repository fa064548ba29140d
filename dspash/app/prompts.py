"""Prompts: what a host gives a model, and the request that it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from dspash.errors import InvalidInputError, Problem
from dspash.gateway.port import JsonMap
from dspash.gateway.request import SETTINGS

__all__ = ["Prompt", "request_of"]

Prompt: TypeAlias = str | Sequence[Mapping[str, Any]]
"""What a user says; or messages, each with a `role` and, as `content`, its text, or `parts` as lm15 has them."""

_DEFAULT: Final = "default"

_ROLES: Final = ("system", "developer", "user", "assistant", "tool")


def request_of(
    prompt: Prompt,
    *,
    model: str | None,
    system: str | None = None,
    tools: Sequence[Mapping[str, Any]] = (),
    options: Mapping[str, Any] | None = None,
    path: str = "$.prompt",
) -> JsonMap:
    """The lm15 Request as a map. Raises InvalidInputError with every problem and its place."""
    problems: list[Problem] = []
    unknown = sorted((options or {}).keys() - SETTINGS)
    problems += [
        Problem(f"$.{name}", f"is no option; there are {', '.join(sorted(SETTINGS))}") for name in unknown
    ]
    request: dict[str, Any] = {"model": model or _DEFAULT, "messages": _messages(prompt, path, problems)}
    if system is not None:
        request["system"] = system
    if tools:
        request["tools"] = [dict(tool) for tool in tools]
    if options:
        request["config"] = dict(options)
    if problems:
        raise InvalidInputError.of(problems)
    return request


def _messages(prompt: object, path: str, problems: list[Problem]) -> list[dict[str, Any]]:
    if isinstance(prompt, str):
        return [_said("user", prompt)]
    if not isinstance(prompt, Sequence) or isinstance(prompt, bytes) or not prompt:
        problems.append(Problem(path, "needs a text, or a list of messages"))
        return []
    found: list[dict[str, Any]] = []
    for index, message in enumerate(cast("Sequence[object]", prompt)):
        place = f"{path}[{index}]"
        if not isinstance(message, Mapping):
            problems.append(Problem(place, "needs a map with a role and its content"))
            continue
        told = cast("Mapping[str, Any]", message)
        role, content, parts = told.get("role"), told.get("content"), told.get("parts")
        if role not in _ROLES:
            problems.append(Problem(f"{place}.role", f"needs one of {', '.join(_ROLES)}"))
        elif isinstance(content, str) and parts is None:
            found.append(_said(role, content))
        elif isinstance(parts, Sequence) and not isinstance(parts, str) and content is None:
            found.append({"role": role, "parts": list(cast("Sequence[Any]", parts))})
        else:
            problems.append(Problem(f"{place}.content", "needs a text, or parts in its place"))
    return found


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "text": text}]}
