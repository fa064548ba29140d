"""The prompt: a conversation seen as DSPy's adapters meant it — a task, examples, a history, and inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dspash.gateway.offline.conversation import Conversation, Turn
from dspash.gateway.offline.layout import Layout, find_layout, read_inputs, read_outputs
from dspash.gateway.offline.task import Task, read_task, with_format
from dspash.gateway.port import JsonValue

__all__ = ["Demo", "Prompt", "joined", "read_prompt"]

_INCOMPLETE: Final = "This is an example of the task, though some input or output fields are not supplied."
_ASKS: Final = "\n\nRespond with "
_LONGEST_REMEMBERED: Final = 20_000
"""Characters of one example; longer ones are read each time, so that what is remembered stays small."""


@dataclass(frozen=True, slots=True, eq=False)
class Demo:
    """One worked example. Fields that were not supplied are absent from `inputs` and `outputs`."""

    inputs: Mapping[str, str]
    outputs: Mapping[str, JsonValue]

    @property
    def input_text(self) -> str:
        """All inputs supplied, as one text."""
        return joined(self.inputs)

    def output_text(self, name: str) -> str:
        """The text of an output field; "" when it was not supplied; JSON for what is not text."""
        value = self.outputs.get(name)
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def joined(inputs: Mapping[str, str]) -> str:
    """Input values, one under the other."""
    return "\n".join(inputs.values())


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """A structured prompt. `history` are earlier turns of the same conversation, oldest first.

    `base` is the task as the system message alone gives it, the same object whenever that text comes again.
    """

    task: Task
    base: Task
    layout: Layout
    demos: tuple[Demo, ...]
    history: tuple[Turn, ...]
    inputs: Mapping[str, str]
    conversation: Conversation

    def demo_values(self, name: str) -> list[tuple[Demo, JsonValue]]:
        """The examples that supply the output field `name`, with its value."""
        return [(demo, demo.outputs[name]) for demo in self.demos if name in demo.outputs]


def read_prompt(conversation: Conversation) -> Prompt | None:
    """Read the structure of a conversation; None when no adapter of DSPy gave it one."""
    task = read_task(conversation.system)
    if task is None or not task.outputs:
        return None
    turns = list(conversation.turns)
    asking = next((i for i in range(len(turns) - 1, -1, -1) if turns[i].role == "user"), None)
    request = turns[asking].text if asking is not None else ""
    layout = find_layout(conversation.system, request)
    pairs = _count_demo_turns(turns)
    # After a tool result the question stands further up, in the turn that carried the inputs.
    inputs = read_inputs(layout, request, task)
    for turn in reversed(turns[pairs:]):
        if turn.role == "user" and turn.text is not request:
            for name, value in read_inputs(layout, turn.text, task).items():
                inputs.setdefault(name, value)
    return Prompt(
        task=with_format(task, conversation.settings.response_format),
        base=task,
        layout=layout,
        demos=tuple([_demo(layout, turns[i].text, turns[i + 1].text, task) for i in range(0, pairs, 2)]),
        history=tuple([turn for i, turn in enumerate(turns[pairs:], start=pairs) if i != asking]),
        inputs=inputs,
        conversation=conversation,
    )


def _count_demo_turns(turns: list[Turn]) -> int:
    """How many turns at the start are examples: pairs without tools, whose question carries no format reminder."""
    count = 0
    while count + 1 < len(turns):
        question, answer = turns[count], turns[count + 1]
        if question.role != "user" or answer.role != "assistant" or answer.uses or _ASKS in question.text:
            break
        count += 2
    return count


def _demo(layout: Layout, question: str, answer: str, task: Task) -> Demo:
    if len(question) + len(answer) > _LONGEST_REMEMBERED:
        return _read_demo(layout, question, answer, task)
    return _remembered_demo(layout, question, answer, task)


def _read_demo(layout: Layout, question: str, answer: str, task: Task) -> Demo:
    inputs = read_inputs(layout, question.removeprefix(_INCOMPLETE), task)
    return Demo(inputs, read_outputs(layout, answer, task))


_remembered_demo = lru_cache(maxsize=128)(_read_demo)
