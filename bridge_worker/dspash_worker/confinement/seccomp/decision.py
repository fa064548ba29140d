"""Decision: a policy as a graph of questions about one system call, each answered by one or two BPF instructions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

from dspash_worker.confinement.architecture import Architecture
from dspash_worker.confinement.seccomp.policy import KILL_PROCESS, Action, Check, Policy, Rule

__all__ = ["Branch", "Comparison", "Decision", "Load", "Mask", "Return", "decide"]


class Comparison(IntEnum):
    """How a branch compares the accumulator with its operand: BPF's codes for jumps with a constant."""

    EQUAL = 0x15
    AT_LEAST = 0x35


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """Put the 32-bit word at byte `offset` of struct seccomp_data into the accumulator."""

    offset: int
    then: Decision


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """Keep only these bits of the accumulator."""

    bits: int
    then: Decision


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """Go on with `then` if the accumulator compares so with `operand`, else with `otherwise`."""

    comparison: Comparison
    operand: int
    then: Decision
    otherwise: Decision


@dataclass(frozen=True, slots=True)
class Return:
    """The verdict."""

    action: Action


Decision: TypeAlias = Load | Mask | Branch | Return

# struct seccomp_data: int nr; u32 arch; u64 instruction_pointer; u64 args[6]. Both architectures are little-endian.
_NUMBER: Final = 0
_ARCHITECTURE: Final = 4
_ARGUMENTS: Final = 16
_WORD: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class _Span:
    """All call numbers from `first` to where the next span begins."""

    first: int
    decision: Decision


def decide(policy: Policy, architecture: Architecture) -> Decision:
    """Return the questions that lead to the policy's verdict; a call in another convention kills the process."""
    by_number = _search(_spans(policy, architecture))
    return Load(
        _ARCHITECTURE,
        Branch(Comparison.EQUAL, architecture.audit, Load(_NUMBER, by_number), Return(KILL_PROCESS)),
    )


def _spans(policy: Policy, architecture: Architecture) -> list[_Span]:
    default, young = Return(policy.default), Return(policy.young)
    verdicts: dict[int, Decision] = {}
    for name, verdict in policy.rules.items():
        if name in architecture.numbers:
            verdicts[architecture.numbers[name]] = _answer(verdict)
    edges = {0, policy.young_from} | {number + step for number in verdicts for step in (0, 1)}
    spans: list[_Span] = []
    for first in sorted(edges):
        decision = verdicts.get(first, young if first >= policy.young_from else default)
        if not spans or spans[-1].decision != decision:
            spans.append(_Span(first, decision))
    if architecture.foreign_from is not None:
        spans.append(_Span(architecture.foreign_from, Return(KILL_PROCESS)))
    return spans


def _search(spans: Sequence[_Span]) -> Decision:
    """Halve the numbers until one span is left: about eight questions for any call."""
    if len(spans) == 1:
        return spans[0].decision
    middle = len(spans) // 2
    return Branch(Comparison.AT_LEAST, spans[middle].first, _search(spans[middle:]), _search(spans[:middle]))


def _answer(verdict: Action | Rule) -> Decision:
    if isinstance(verdict, Action):
        return Return(verdict)
    decision: Decision = Return(verdict.otherwise)
    for case in reversed(verdict.cases):
        passed: Decision = Return(case.action)
        for check in reversed(case.checks):
            passed = _ask(check, passed, decision)
        decision = passed
    return decision


def _ask(check: Check, then: Decision, otherwise: Decision) -> Decision:
    low = tuple(value & _WORD for value in check.values)
    offset = _ARGUMENTS + 8 * check.argument
    decision = then
    if check.mask & _WORD:
        decision = _compare(offset, check.mask & _WORD, low, decision, otherwise)
    if check.mask >> 32:
        high = check.values[0] >> 32
        decision = _compare(offset + 4, check.mask >> 32, (high,), decision, otherwise)
    return decision


def _compare(
    offset: int, mask: int, values: tuple[int, ...], then: Decision, otherwise: Decision
) -> Decision:
    decision = otherwise
    for value in reversed(values):
        decision = Branch(Comparison.EQUAL, value, then, decision)
    return Load(offset, decision if mask == _WORD else Mask(mask, decision))
