"""Tools: the functions a prompt offers, told in words or given natively, and the arguments to call them with."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.querying import next_query
from dspash.gateway.offline.tokens import bag_of
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["Tool", "best_tool", "is_final", "read_tools", "tool_arguments"]

_DESCRIBED: Final = ", whose description is <desc>"
_TAKES: Final = "</desc>. It takes arguments "
_NAME: Final = re.compile(r"\w{1,80}\Z")
_LONGEST_NAME: Final = 80
_LONGEST_TOLD: Final = 100_000
_FINAL: Final = frozenset({"finish", "submit", "final_answer", "done", "answer"})
_SEARCHING: Final = frozenset("query question search q text topic keyword keywords name title".split())


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A function on offer: its name, what it is for, and a JSON schema for each argument."""

    name: str
    description: str
    arguments: Mapping[str, JsonMap]
    required: frozenset[str]


def read_tools(draft: Draft) -> list[Tool]:
    """Every tool on offer: those given natively first, then those the instructions or inputs describe."""
    found = {
        spec.name: Tool(spec.name, spec.description, *_schema_arguments(spec.parameters))
        for spec in draft.prompt.conversation.tools
    }
    told = f"{draft.prompt.task.instructions}\n{draft.prompt.inputs.get('tools', '')}"[:_LONGEST_TOLD]
    for tool in _told_tools(told):
        found.setdefault(tool.name, tool)
    return list(found.values())


def is_final(name: str) -> bool:
    """Whether a tool of this name ends the work rather than gathering anything."""
    return name.lower() in _FINAL


def best_tool(tools: list[Tool], text: str) -> Tool:
    """The tool whose name and description share most words with `text`; the first one when none shares any."""
    wanted = bag_of(text)
    return max(
        tools, key=lambda tool: len(wanted & bag_of(f"{tool.name.replace('_', ' ')} {tool.description}"))
    )


def tool_arguments(draft: Draft, tool: Tool) -> JsonMap:
    """Arguments for a call: the search text for text arguments, numbers from the question for numbers.

    Arguments with a default are left to it.
    """
    numbers = [float(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?", draft.material.question)]
    arguments: JsonMap = {}
    for name, schema in tool.arguments.items():
        if "default" in schema or (tool.required and name not in tool.required):
            continue
        arguments[name] = _argument(draft, name, schema, numbers)
    return arguments


def _argument(draft: Draft, name: str, schema: JsonMap, numbers: list[float]) -> JsonValue:
    options = schema.get("enum")
    if isinstance(options, list) and options:
        wanted = bag_of(draft.material.question)
        return max(options, key=lambda option: len(wanted & bag_of(str(option))))
    kind = schema.get("type")
    if kind in {"integer", "number"}:
        number = numbers.pop(0) if numbers else 1.0
        return int(number) if kind == "integer" else number
    if kind == "boolean":
        return False
    text = draft.prompt.inputs.get(name, "") if name not in _SEARCHING else ""
    searched = text or _search_text(draft)
    if kind == "array":
        return [searched]
    return {} if kind == "object" else searched


def _search_text(draft: Draft) -> str:
    if not draft.material.question:
        return draft.input_text[:200]
    if not draft.material.passages:
        return draft.material.question.strip()
    return next_query(draft.reading, terse=True)


def _schema_arguments(parameters: JsonMap) -> tuple[dict[str, JsonMap], frozenset[str]]:
    properties, required = parameters.get("properties"), parameters.get("required")
    names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    return (_maps(properties) if isinstance(properties, dict) else {}), frozenset(names)


def _told_tools(text: str) -> list[Tool]:
    """Tools described as DSPy's Tool describes itself: `name, whose description is <desc>…</desc>. It takes arguments {…}.`"""
    tools: list[Tool] = []
    at = text.find(_DESCRIBED)
    while at >= 0:
        name = _NAME.search(text[max(0, at - _LONGEST_NAME) : at])
        described = text.find(_TAKES, at)
        if described < 0:
            break
        following = text.find(_DESCRIBED, described)
        arguments = _told_arguments(
            text[described + len(_TAKES) : following if following >= 0 else len(text)]
        )
        if name is not None:
            description = text[at + len(_DESCRIBED) : described]
            tools.append(Tool(name.group(), description, arguments, frozenset(arguments)))
        at = following
    return tools


def _told_arguments(text: str) -> dict[str, JsonMap]:
    """The arguments at the start of `text`, as a tool's description prints them: a Python dict of JSON schemas."""
    line = text[: text.find("\n")] if "\n" in text else text
    end = line.rfind("}.")
    try:
        value: JsonValue = ast.literal_eval(line[: end + 1])
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return {}
    return _maps(value) if isinstance(value, dict) else {}


def _maps(value: Mapping[str, JsonValue]) -> dict[str, JsonMap]:
    return {str(name): schema if isinstance(schema, dict) else {} for name, schema in value.items()}
