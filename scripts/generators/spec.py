"""Spec: the blocks of SPEC.md that are made from the code and from the vectors' dialogues."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from dialogue import End, Refused, Said
from vector_files import DIALOGUES

from dspash_protocol import limits
from dspash_protocol.states import TRANSITIONS, Signal, State

__all__ = ["make_spec"]

_BLOCK = re.compile(r"(<!-- generated: (?P<name>[^>]*?) -->\n).*?(<!-- end of generated -->)", re.DOTALL)
_ENDINGS = (Signal.EOF, Signal.BROKEN)
_BYTES_A_LINE = 16


def make_spec(path: Path) -> dict[Path, str]:
    """The text of SPEC.md with its generated blocks made anew. Raises KeyError for a block nobody makes."""

    def renew(block: re.Match[str]) -> str:
        kind, _, argument = block["name"].partition(" ")
        return f"{block[1]}\n{_MAKERS[kind](argument)}\n\n{block[3]}"

    return {path: _BLOCK.sub(renew, path.read_text(encoding="utf-8"))}


def _diagram(_argument: str) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.NEW}"]
    for state, moves in TRANSITIONS.items():
        by_following: dict[State, list[Signal]] = {}
        for signal, following in moves.items():
            if signal not in _ENDINGS:
                by_following.setdefault(following, []).append(signal)
        for following, signals in by_following.items():
            lines.append(f"    {state} --> {following} : {', '.join(signals)}")
    return "\n".join([*lines, "```"])


def _states(_argument: str) -> str:
    signals = [signal for signal in Signal if any(signal in moves for moves in TRANSITIONS.values())]
    states = [state for state in State if TRANSITIONS[state]]
    lines = [f"| signal | {' | '.join(states)} |", "|---" * (len(states) + 1) + "|"]
    for signal in signals:
        cells = [TRANSITIONS[state].get(signal) for state in states]
        lines.append(f"| `{signal}` | {' | '.join(cell or '' for cell in cells)} |")
    return "\n".join(lines)


def _limit(argument: str) -> str:
    lines = ["| limit | value | hexadecimal |", "|---|---:|---:|"]
    for name in argument.split():
        value: int = getattr(limits, name)
        lines.append(f"| `{name}` | {value:,} | {value:#x} |")
    return "\n".join(lines)


def _dialogue(name: str) -> str:
    """A dialogue of the vectors, byte for byte: to the left what travels, to the right how it reads."""
    dialogue = next(dialogue for dialogue in DIALOGUES if dialogue.name == name)
    lines = ["```text"]
    for step in dialogue.steps:
        match step:
            case Said(by, payload):
                lines.append(f"{by}: {len(payload)} bytes, then {step.state}")
            case Refused(by, payload, kind):
                owed = f", answered to {step.owed}" if step.owed is not None else ""
                lines.append(f"{by}: {len(payload)} bytes, refused as {kind}{owed}")
            case End(by, _, how):
                lines.append(f"{by}: the end of the stream, {how.replace('_', ' ')}")
        lines += _dump(step.stream)
    return "\n".join([*lines, "```"])


def _dump(stream: bytes) -> list[str]:
    lines: list[str] = []
    for start in range(0, len(stream), _BYTES_A_LINE):
        part = stream[start : start + _BYTES_A_LINE]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"    {part.hex(' '):<{3 * _BYTES_A_LINE}} {shown}")
    return lines


def _payloads(name: str) -> str:
    """The payloads of a JSON dialogue, one a line."""
    dialogue = next(dialogue for dialogue in DIALOGUES if dialogue.name == name)
    arrows = {"host": "→", "worker": "←"}
    lines = ["```text"]
    lines += [
        f"{arrows[step.by]} {step.payload.decode()}" for step in dialogue.steps if isinstance(step, Said)
    ]
    return "\n".join([*lines, "```"])


_MAKERS: dict[str, Callable[[str], str]] = {
    "diagram": _diagram,
    "states": _states,
    "limits": _limit,
    "bytes": _dialogue,
    "payloads": _payloads,
}
