"""Acting: the next step of an agent — which tool to call, with what, or that enough is known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from dspash.gateway.errors import UnsupportedFeatureError
from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.reader import Reading
from dspash.gateway.offline.schema import read_schema
from dspash.gateway.offline.shape import Scalar
from dspash.gateway.offline.task import Field
from dspash.gateway.offline.tools import best_tool, is_final, read_tools, tool_arguments
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["Step", "Write", "is_agent", "knows_enough", "next_step", "think"]

_STEP: Final = re.compile(r"(?:^\[\[ ## |<)tool_name_\d+", re.MULTILINE)
Write: TypeAlias = Callable[[Field], JsonValue]

_MOST_STEPS: Final = 3
"""Tool calls after which an agent stops looking: further ones seldom bring what the first did not."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step: the tool to call and its arguments; `final` when it ends the work."""

    name: str
    arguments: JsonMap
    final: bool


def is_agent(draft: Draft, options: tuple[Scalar, ...]) -> bool:
    """Whether the options of a field are tools to choose from."""
    names = {tool.name for tool in read_tools(draft)}
    return bool(names) and all(option in names for option in options)


def next_step(draft: Draft, write: Write, *, allowed: Sequence[str] = ()) -> Step:
    """Search while something named in the evidence is still unread; then finish with the outputs.

    `write` fills the arguments of the tool that ends the work; `allowed` limits the tools, when it names any.
    """
    tools = [tool for tool in read_tools(draft) if not allowed or tool.name in allowed]
    ending = next((tool for tool in tools if is_final(tool.name)), None)
    gathering = [tool for tool in tools if not is_final(tool.name)]
    if gathering and (ending is None or not knows_enough(draft)):
        tool = best_tool(gathering, draft.material.question or draft.input_text)
        step = Step(tool.name, tool_arguments(draft, tool), final=False)
        if ending is None or not _was_taken(draft, step):
            return step
    if ending is None:
        raise UnsupportedFeatureError("a tool call is required, but no tool may be called")
    outputs: JsonMap = {
        name: write(Field(name, str(schema.get("description", "")), read_schema(schema)))
        for name, schema in ending.arguments.items()
    }
    return Step(ending.name, outputs, final=True)


def think(step: Step) -> str:
    """What an agent says before it acts."""
    if step.final:
        return "The context now holds what is needed, so the work can be finished."
    shown = ", ".join([f"{name}={value!r}" for name, value in step.arguments.items()])
    return f"More has to be known before this can be answered. Next: {step.name}({shown})."


def _was_taken(draft: Draft, step: Step) -> bool:
    """Whether the very same call was made before: it would bring the same again."""
    told = json.dumps(step.arguments, ensure_ascii=False)
    if told in draft.prompt.inputs.get("trajectory", ""):
        return True
    earlier = [turn for turn in draft.prompt.history if turn.role == "assistant"]
    calls = [use for turn in earlier for use in turn.uses]
    return any(told in turn.text for turn in earlier) or any(
        call.name == step.name and call.arguments == step.arguments for call in calls
    )


def knows_enough(draft: Draft) -> bool:
    """Whether enough steps were taken, or the passages already cover the question."""
    taken = len(_STEP.findall(draft.prompt.inputs.get("trajectory", "")))
    taken += sum(turn.role == "assistant" for turn in draft.prompt.history)
    if taken >= _MOST_STEPS:
        return True
    return (
        taken > 0
        and bool(draft.material.passages)
        and (not draft.material.question or _covers(draft.reading))
    )


def _covers(reading: Reading) -> bool:
    best = reading.evidence.clues[0] if reading.evidence.clues else None
    return best is not None and (best.own >= 0.8 or (best.partner is not None and best.total >= 1.0))
