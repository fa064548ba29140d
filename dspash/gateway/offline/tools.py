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

_LISTED: Final = re.compile(
    r"\b(?P<name>\w{1,80}), whose description is <desc>(?P<desc>(?:(?!</desc>).){0,4000})</desc>\. "
    r"It takes arguments (?P<args>\{.{0,4000}?\})\.(?=\s|$|\")",
    re.DOTALL,
)
_DESCRIBED: Final = "whose description is"
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
    for match in _LISTED.finditer(told) if _DESCRIBED in told else ():
        arguments = _told_arguments(match["args"])
        found.setdefault(match["name"], Tool(match["name"], match["desc"], arguments, frozenset(arguments)))
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


def _told_arguments(text: str) -> dict[str, JsonMap]:
    """The arguments as a tool's description prints them: a Python dict of JSON schemas."""
    try:
        value: JsonValue = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return {}
    return _maps(value) if isinstance(value, dict) else {}


def _maps(value: Mapping[str, JsonValue]) -> dict[str, JsonMap]:
    return {str(name): schema if isinstance(schema, dict) else {} for name, schema in value.items()}
