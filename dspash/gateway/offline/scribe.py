"""The scribe: writes every output field of a prompt, each by what it is for and what may stand in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from dspash.gateway.offline.acting import Step, is_agent, next_step, think
from dspash.gateway.offline.answering import answer_in_words, short_answer
from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.estimating import estimate
from dspash.gateway.offline.explaining import explain
from dspash.gateway.offline.filling import fill_list, fill_record, fill_table
from dspash.gateway.offline.instructing import propose_instruction, propose_prefix
from dspash.gateway.offline.labelling import choose_option, decide_flag
from dspash.gateway.offline.programming import write_code
from dspash.gateway.offline.querying import search_query
from dspash.gateway.offline.role import Role, find_role
from dspash.gateway.offline.shape import Choice, Flag, Listing, Number, Record, Shape, Table, Text, essence
from dspash.gateway.offline.summarising import echo, summarise
from dspash.gateway.offline.task import Field
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["Scribe"]

_LAST: Final = frozenset({Role.REASONING})
"""Roles whose fields speak of the others, and so are written after them, wherever they stand."""

_TEXTS: Final[dict[Role, Callable[[Draft, Field], str]]] = {
    Role.ANSWER: answer_in_words,
    Role.REASONING: explain,
    Role.QUERY: search_query,
    Role.CODE: write_code,
    Role.INSTRUCTION: propose_instruction,
    Role.PREFIX: propose_prefix,
    Role.SUMMARY: summarise,
    Role.ECHO: echo,
    Role.ADVICE: summarise,
}
_FORMATS: Final = {
    "date": (re.compile(r"\b\d{4}-\d{2}-\d{2}\b"), "2000-01-01"),
    "date-time": (re.compile(r"\b\d{4}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-]\d{2}:\d{2})?"), "2000-01-01T00:00:00Z"),
    "time": (re.compile(r"\b\d{2}:\d{2}:\d{2}\b"), "00:00:00"),
    "email": (re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+\w"), "nobody@example.com"),
    "uri": (re.compile(r"https?://\S+[^\s.,)]"), "https://example.com/"),
    "uuid": (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "00000000-0000-0000-0000-000000000000"),
}  # fmt: skip


class Scribe:
    """Writes for one draft. Every value it gives has the shape that its field wants."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._step: Step | None = None
        self._depth = 0

    def write_all(self) -> JsonMap:
        """A value for each output field of the prompt, by name."""
        fields = self._draft.prompt.task.outputs
        for field in sorted(fields, key=self._goes_last):
            self._draft.written[field.name] = self.write(field)
        return self._draft.written

    def write(self, field: Field) -> JsonValue:
        """A value for one field, or for one part of a nested one."""
        self._depth += 1
        try:
            return self._write(field, essence(field.shape), nested=self._depth > 1)
        finally:
            self._depth -= 1

    def step(self, *, allowed: tuple[str, ...] = ()) -> Step:
        """The agent's next step, decided once for the fields that tell it."""
        if self._step is None:
            # What ends the work is answered in full, wherever among the fields the step is told.
            depth, self._depth = self._depth, 0
            self._step = next_step(self._draft, self.write, allowed=allowed)
            self._depth = depth
        return self._step

    @staticmethod
    def _goes_last(field: Field) -> bool:
        return isinstance(essence(field.shape), Text) and find_role(field.name, field.description) in _LAST

    def _write(self, field: Field, shape: Shape, *, nested: bool) -> JsonValue:
        draft = self._draft
        match shape:
            case Text():
                return self._text(field, shape, nested=nested)
            case Number():
                return estimate(draft, field, shape)
            case Flag():
                return decide_flag(draft, field)
            case Choice(options):
                return self.step().name if is_agent(draft, options) else choose_option(draft, field, options)
            case Listing():
                return [*fill_list(draft, field, shape, self.write)]
            case Record():
                return self._record(field, shape)
            case Table():
                return self._table(field, shape)
            case _:
                return None

    def _text(self, field: Field, shape: Text, *, nested: bool) -> str:
        role = find_role(field.name, field.description)
        if role is Role.REASONING and self._step is not None:
            text = think(self._step)
        elif role is Role.ANSWER and nested:
            text = short_answer(self._draft, field.name)
        else:
            text = _TEXTS[role](self._draft, field)
        return self._fitted(text, shape)

    def _record(self, field: Field, shape: Record) -> JsonMap:
        if [slot.name for slot in shape.slots] == ["tool_calls"]:
            step = self.step()
            return {"tool_calls": [{"name": step.name, "args": step.arguments}]}
        if len(shape.slots) == 1 and isinstance(essence(shape.slots[0].shape), Text):
            # DSPy's Reasoning and Code are records with one text in them: what the field is for, the text is for.
            role = find_role(field.name, f"{field.description} {shape.title}")
            if role is not Role.ANSWER:
                return {shape.slots[0].name: self._text(field, Text(), nested=False)}
        return fill_record(shape, self.write)

    def _table(self, field: Field, shape: Table) -> JsonMap:
        if self._step is not None and "args" in field.name:
            return self._step.arguments
        return fill_table(self._draft, field, shape, self.write)

    def _fitted(self, text: str, shape: Text) -> str:
        """The text, made to look as the shape demands: what the inputs have of that form, else a neutral value."""
        if shape.format in _FORMATS:
            pattern, neutral = _FORMATS[shape.format]
            found = pattern.search(text) or pattern.search(self._draft.input_text)
            text = found.group() if found else neutral
        text = text.ljust(shape.min_length, ".")
        return text if shape.max_length is None else text[: shape.max_length]
