"""Policy: which system calls run, by name and by what their arguments say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = [
    "ALLOW",
    "KILL_PROCESS",
    "UNRUN",
    "Action",
    "Case",
    "Check",
    "Policy",
    "Rule",
    "Verdict",
    "has_no_bits",
    "is_null",
    "is_one_of",
    "refuse",
]

_LOW_WORD: Final = 0xFFFF_FFFF
_BOTH_WORDS: Final = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class Action:
    """What becomes of a call: the value a seccomp program returns for it."""

    value: int


ALLOW: Final = Action(0x7FFF_0000)
KILL_PROCESS: Final = Action(0x8000_0000)
_ERRNO: Final = 0x0005_0000


def refuse(errno: int) -> Action:
    """Answer the call with this error without running it."""
    return Action(_ERRNO | errno)


UNRUN: Final = refuse(0)
"""Answer the call with success without running it."""


@dataclass(frozen=True, slots=True)
class Check:
    """Whether the bits `mask` of argument number `argument` are one of `values`.

    The mask lies within the low 32 bits for what the kernel reads as int: it ignores the others, so a caller may put
    anything there. A mask beyond them is for pointers; then all values have the same high 32 bits.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = _LOW_WORD

    def __post_init__(self) -> None:
        """Refuse what no call could meet or what could not be compiled. Raises ValueError."""
        if not 0 <= self.argument <= 5:
            raise ValueError(f"a system call has arguments 0 to 5, not {self.argument}")
        if not 0 < self.mask <= _BOTH_WORDS or any(value & ~self.mask for value in self.values):
            raise ValueError(f"the mask {self.mask:#x} leaves no room for {self.values}")
        if len({value >> 32 for value in self.values}) != 1:
            raise ValueError("a check needs values, all with the same high 32 bits")


def is_one_of(argument: int, *values: int, mask: int = _LOW_WORD) -> Check:
    """Check the low 32 bits of an argument, or those of them in `mask`."""
    return Check(argument, values, mask)


def has_no_bits(argument: int, bits: int) -> Check:
    """Check that none of these bits is set."""
    return Check(argument, (0,), bits)


def is_null(argument: int) -> Check:
    """Check that a pointer is NULL."""
    return Check(argument, (0,), _BOTH_WORDS)


@dataclass(frozen=True, slots=True)
class Case:
    """What becomes of a call whose arguments pass every check."""

    checks: tuple[Check, ...]
    action: Action


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of one system call: the first case that fits, else `otherwise`."""

    cases: tuple[Case, ...]
    otherwise: Action


Verdict: TypeAlias = Action | Rule


@dataclass(frozen=True, slots=True)
class Policy:
    """What becomes of every system call.

    `rules` go by name; a name that an architecture does not have is no concern there. Other calls get `default`, but
    from number `young_from` on `young`: calls so new that programs expect not to find them.
    """

    rules: Mapping[str, Verdict]
    default: Action
    young: Action
    young_from: int = 424
