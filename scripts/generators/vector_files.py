"""Vectors: the conformance cases as JSON files that a programmer in any language can test a host or a worker with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import fault_cases
import framing_cases
import interpreter_dialogues
import json_cases
import level_dialogues
import message_cases
import msgpack_cases
import ordinary_dialogues
import refusal_dialogues
import trace_cases
import value_cases
from cases import Bad, Good, note
from dialogue import MAX_FRAME, Dialogue, End, Refused, Said, Step
from noted_messages import note_message

__all__ = ["DIALOGUES", "make_vectors"]

DIALOGUES = (
    *ordinary_dialogues.DIALOGUES,
    *interpreter_dialogues.DIALOGUES,
    *level_dialogues.DIALOGUES,
    *refusal_dialogues.DIALOGUES,
)


def make_vectors(folder: Path) -> dict[Path, str]:
    """The text of every file in the folder of vectors."""
    groups: dict[str, Mapping[str, Any]] = {
        "framing": {
            "max_frame": framing_cases.LIMIT,
            "streams": [_stream(case) for case in framing_cases.STREAMS],
        },
        "json": {"good": _goods(json_cases.GOOD), "bad": _bads(json_cases.BAD)},
        "msgpack": {"good": _goods(msgpack_cases.GOOD), "bad": _bads(msgpack_cases.BAD)},
        "values": {"pairs": [_pair(case) for case in value_cases.VALUES]},
        "messages": {
            "good": [
                {"name": case.name, "payload": case.payload.hex(), "means": note_message(case.means)}
                for case in message_cases.GOOD
            ],
            "bad": _bads(message_cases.BAD),
        },
        "faults": {
            "faults": [
                {"name": case.name, "payload": case.payload.hex(), "fault": note_message(case.means)}
                for case in fault_cases.FAULTS
            ],
        },
        "traces": {
            "good": [
                {"name": case.name, "spans": case.text, "means": list(case.spans), "refused": case.refused}
                for case in trace_cases.PIECES
            ],
            "bad": [{"name": case.name, "spans": case.text} for case in trace_cases.REFUSED],
        },
        "sessions": {"max_frame": MAX_FRAME, "dialogues": [_dialogue(dialogue) for dialogue in DIALOGUES]},
    }
    return {folder / f"{name}.json": json.dumps(group, indent=1) + "\n" for name, group in groups.items()}


def _goods(cases: Iterable[Good]) -> list[Mapping[str, Any]]:
    return [{"name": case.name, "payload": case.payload.hex(), "means": note(case.means)} for case in cases]


def _bads(cases: Iterable[Bad]) -> list[Mapping[str, Any]]:
    return [
        {"name": case.name, "payload": case.payload.hex(), "path": case.path, "id": case.id} for case in cases
    ]


def _stream(case: framing_cases.Stream) -> Mapping[str, Any]:
    gives = [
        {"skipped": given.length} if isinstance(given, framing_cases.Skipped) else {"payload": given.hex()}
        for given in case.gives
    ]
    return {"name": case.name, "stream": case.stream.hex(), "gives": gives, "ends": case.ends}


def _pair(case: value_cases.Pair) -> Mapping[str, Any]:
    return {
        "name": case.name,
        "value": note(case.value),
        "json": case.json.hex(),
        "msgpack": case.msgpack.hex(),
    }


def _dialogue(dialogue: Dialogue) -> Mapping[str, Any]:
    return {
        "name": dialogue.name,
        "about": dialogue.about,
        "steps": [
            {"by": step.by, "stream": step.stream.hex(), **_outcome(step), "state": step.state}
            for step in dialogue.steps
        ],
    }


def _outcome(step: Step) -> Mapping[str, Any]:
    match step:
        case Said():
            return {"means": note_message(step.means)}
        case Refused():
            return {"refused": {"kind": step.kind, "owed": step.owed, "ended": step.ended}}
        case End():
            return {"ends": step.how}
