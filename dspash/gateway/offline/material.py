"""Material: which of a task's inputs is the question, and which passages there are to answer it from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dspash.gateway.offline.conversation import Turn
from dspash.gateway.offline.jsontext import parse_json, parse_object
from dspash.gateway.offline.task import Task
from dspash.gateway.port import JsonValue

__all__ = ["Material", "brought_by_tools", "find_material", "read_items"]

_QUESTIONS: Final = (
    "question", "query", "claim", "problem", "statement", "hypothesis", "ask", "prompt", "request", "q", "topic",
)  # fmt: skip
_TRAJECTORIES: Final = ("trajectory", "history", "repl_history", "code_output", "observations")
_IGNORED: Final = frozenset(
    {"tools", "hint_", "iteration", "variables_info", "final_generated_code", "previous_code"}
)
_OBSERVATION: Final = re.compile(
    r"^(?:\[\[ ## (?P<name>\w+) ## \]\]|<(?P<tag>\w+)>)\s*\n(?P<body>.*?)(?=^\[\[ ## |^</?\w+>[ \t]*$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_NO_PROSE: Final = frozenset({"title", "name", "id", "score"})
_TOLD_RESULTS: Final = "tool_call_results"
_OBSERVED: Final = ("observation", "code_output", "output", "result")


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """The question ("" when no input asks anything), and the passages given, in order."""

    question: str
    passages: tuple[str, ...]


def find_material(inputs: Mapping[str, str], task: Task) -> Material:
    """Tell question from passages by the fields' names, then by a question mark, then by length."""
    names = [field.name for field in task.inputs if field.name in inputs and field.name not in _IGNORED]
    asking = _question_field(names, inputs)
    passages: list[str] = []
    for name in names:
        if name != asking:
            passages.extend(read_items(inputs[name], observed=name.startswith(_TRAJECTORIES)))
    return Material(inputs.get(asking, ""), tuple(passages))


def read_items(text: str, *, observed: bool = False) -> list[str]:
    """The texts a field holds: the items of a JSON list or of a numbered one, what tools observed, or paragraphs."""
    text = text.strip()
    if not text or text == "N/A":
        return []
    if text[0] in "[{":
        listed = _json_items(text)
        if listed is not None:
            return listed
    if observed:
        return _observations(text)
    if text.startswith(("[1] «", "«")):
        return _quoted_items(text)
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def brought_by_tools(turns: Sequence[Turn]) -> list[str]:
    """The texts that tools brought earlier in a conversation, natively or told in words."""
    found: list[str] = []
    for turn in turns:
        for use in turn.uses:
            found.extend(read_items(use.result) if use.result else [])
        if turn.role == "user" and _TOLD_RESULTS in turn.text:
            found.extend(_told_results(turn.text))
    return found


def _told_results(text: str) -> list[str]:
    """The values of a tool_call_results object, as DSPy sets it when tools are not native."""
    results = parse_object(text[text.find("{") : text.rfind("}") + 1]).get(_TOLD_RESULTS)
    found: list[str] = []
    for result in results if isinstance(results, list) else ():
        value = result.get("value") if isinstance(result, dict) else result
        found.extend(read_items(value if isinstance(value, str) else json.dumps(value)))
    return found


def _question_field(names: list[str], inputs: Mapping[str, str]) -> str:
    for wanted in _QUESTIONS:
        for name in names:
            if name == wanted or name.endswith(f"_{wanted}"):
                return name
    asking = [name for name in names if inputs[name].rstrip().endswith("?") and len(inputs[name]) < 1000]
    return min(asking, key=lambda name: len(inputs[name]), default="")


def _json_items(text: str) -> list[str] | None:
    value = parse_json(text)
    if value is None:
        return None
    items = value if isinstance(value, list) else [value]
    return [found for found in map(_item_text, items) if found]


def _item_text(item: JsonValue) -> str:
    """A list item as a passage; an object with a title becomes "title | the rest"."""
    if isinstance(item, str):
        return item.strip()
    if not isinstance(item, dict):
        return "" if item is None else str(item)
    title = item.get("title") or item.get("name")
    rest = " ".join([str(value) for key, value in item.items() if key not in _NO_PROSE and value])
    return f"{title} | {rest}" if title and rest else rest or str(title or "")


def _quoted_items(text: str) -> list[str]:
    """The items of a list as DSPy sets it for a field of text: `[1] «…»` a line, or one `«…»` alone."""
    items: list[str] = []
    at, number = 0, 1
    while at >= 0:
        following = text.find(f"\n[{number + 1}] «", at)
        item = text[at:following] if following >= 0 else text[at:]
        items.append(item.removeprefix(f"[{number}] ").strip().strip("«»").strip())
        at, number = (following + 1 if following >= 0 else -1), number + 1
    return [item for item in items if item]


def _observations(text: str) -> list[str]:
    found: list[str] = []
    for match in _OBSERVATION.finditer(text):
        name = match["name"] or match["tag"] or ""
        if name.startswith(_OBSERVED):
            found.extend(read_items(match["body"]))
    return found
