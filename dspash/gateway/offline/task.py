"""The task: what DSPy's system message says about the fields that come in and the fields that must go out."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dspash.gateway.offline.annotation import read_annotation
from dspash.gateway.offline.jsontext import parse_json, parse_object
from dspash.gateway.offline.schema import read_schema
from dspash.gateway.offline.shape import TEXT, Choice, Flag, Number, Shape, Table
from dspash.gateway.offline.skeleton import read_skeleton
from dspash.gateway.port import JsonMap

__all__ = ["Field", "Task", "read_task", "with_format"]

_INPUTS: Final = "Your input fields are:\n"
_OUTPUTS: Final = "Your output fields are:\n"
_STRUCTURE: Final = "All interactions will be structured in the following way"
_OBJECTIVE: Final = "In adhering to this structure, your objective is:"
_ENTRY: Final = re.compile(r"^\d+\. `(?P<name>\w+)` \(", re.MULTILINE)
_NOTE: Final = "# note: the value you produce "
_SCHEMA_NOTE: Final = "must adhere to the JSON schema: "
_EXACT_NOTE: Final = "must exactly match (no extra characters) one of: "
_MEMBER_NOTE: Final = "must be one of: "
_LONGEST_REMEMBERED: Final = 40_000
"""Characters; longer system messages are read each time, so that what is remembered stays small."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of the signature: its name, the author's words about it, and what may stand in it."""

    name: str
    description: str
    shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """The signature behind a prompt, and the author's instructions."""

    instructions: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the fields to write, in their order."""
        return tuple([field.name for field in self.outputs])


def read_task(system: str) -> Task | None:
    """Read a system message; None when it is not one that DSPy's adapters write."""
    return _remembered(system) if len(system) <= _LONGEST_REMEMBERED else _read(system)


def _read(system: str) -> Task | None:
    start, middle, structure = (system.find(mark) for mark in (_INPUTS, _OUTPUTS, _STRUCTURE))
    if start < 0 or middle < start or structure < middle:
        return None
    objective = system.find(_OBJECTIVE, structure)
    end = objective if objective >= 0 else len(system)
    notes = _notes(system[structure:end])
    outlines = system[structure:end]
    instructions = system[objective + len(_OBJECTIVE) :] if objective >= 0 else ""
    return Task(
        instructions=textwrap.dedent(instructions).strip(),
        inputs=tuple(_fields(system[start + len(_INPUTS) : middle], {}, "")),
        outputs=tuple(_fields(system[middle + len(_OUTPUTS) : structure], notes, outlines)),
    )


_remembered = lru_cache(maxsize=128)(_read)


def with_format(task: Task, response_format: JsonMap) -> Task:
    """The same task with the shapes of a response format's JSON schema, which is exact where prose is not."""
    schema = response_format.get("schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    if not isinstance(schema, dict) or not isinstance(properties, dict):
        return task
    definitions = schema.get("$defs", {})
    outputs: list[Field] = []
    for field in task.outputs:
        part = properties.get(field.name)
        shape = read_schema({**part, "$defs": definitions}) if isinstance(part, dict) else field.shape
        outputs.append(Field(field.name, field.description, shape))
    return Task(task.instructions, task.inputs, tuple(outputs))


def _fields(section: str, notes: dict[str, str], outlines: str) -> list[Field]:
    entries = list(_ENTRY.finditer(section))
    fields: list[Field] = []
    for i, entry in enumerate(entries):
        end = entries[i + 1].start() if i + 1 < len(entries) else len(section)
        annotation, description = _split_annotation(section[entry.end() : end])
        name = entry["name"]
        fields.append(Field(name, description, _shape(name, annotation, notes.get(name, ""), outlines)))
    return fields


def _split_annotation(text: str) -> tuple[str, str]:
    """Cut `list[str]): words about it` at the parenthesis that closes the annotation, minding quoted options."""
    quote, depth = "", 0
    for i, ch in enumerate(text):
        if quote:
            quote = "" if ch == quote and text[i - 1] != "\\" else quote
        elif ch in "'\"":
            quote = ch
        elif ch == "(":
            depth += 1
        elif ch == ")":
            if not depth:
                return text[:i], text[i + 1 :].lstrip(":").strip()
            depth -= 1
    head, _, tail = text.partition("):")
    return head, tail.strip()


def _notes(structure: str) -> dict[str, str]:
    """Field name → what the structure says about its value, from lines such as `{n}   # note: the value … int value`."""
    found: dict[str, str] = {}
    for line in structure.splitlines():
        before, mark, note = line.partition(_NOTE)
        if not mark:
            continue
        name = re.search(r"\{(\w+)\}", before)
        if name is None:
            continue
        if line.lstrip().startswith('"'):  # the JSON adapter shows each note inside a JSON string
            note = _unquoted(note)
        found.setdefault(name[1], note.strip())
    return found


def _unquoted(text: str) -> str:
    value = parse_json('"' + text.rstrip().rstrip(",").rstrip().removesuffix('"') + '"')
    return value if isinstance(value, str) else text


def _shape(name: str, annotation: str, note: str, outlines: str) -> Shape:
    """What the field may hold: its annotation when that says it all, else its note, else its outline, else text."""
    if annotation.startswith("Code"):
        return TEXT
    known = read_annotation(annotation)
    if known is not None and not (isinstance(known, Table) and note):
        return known
    if note:
        noted = _noted(note)
        if noted is not None:
            return noted
    outline = re.search(rf"<{re.escape(name)}>.*</{re.escape(name)}>", outlines)
    outlined = read_skeleton(outline.group()) if outline else None
    return outlined or known or TEXT


def _noted(note: str) -> Shape | None:
    if note.startswith(_SCHEMA_NOTE):
        schema = parse_object(note[len(_SCHEMA_NOTE) :])
        return read_schema(schema) if schema else None
    for opening in (_EXACT_NOTE, _MEMBER_NOTE):
        if note.startswith(opening):
            return Choice(tuple(note[len(opening) :].split("; ")))
    if "True or False" in note:
        return Flag()
    return Number(whole="int" in note) if "must be a single" in note else None
