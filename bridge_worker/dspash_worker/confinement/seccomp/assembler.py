"""Assembler: lays a decision out as a BPF program."""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

from dspash_worker.confinement.seccomp.decision import Branch, Decision, Load, Mask, Return

__all__ = ["MAX_INSTRUCTIONS", "assemble"]

MAX_INSTRUCTIONS: Final = 4096  # BPF_MAXINSNS
_FARTHEST: Final = 255  # a conditional jump has eight bits for how many instructions it skips

_LOAD_WORD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_AND: Final = 0x54  # BPF_ALU | BPF_AND | BPF_K
_JUMP: Final = 0x05  # BPF_JMP | BPF_JA
_RETURN: Final = 0x06  # BPF_RET | BPF_K

_Key: TypeAlias = int | Return


def assemble(decision: Decision) -> bytes:
    """Return the program: instructions of eight bytes, as struct sock_filter.

    What several branches lead to is laid out once. Raises ValueError when the kernel would find it too long.
    """
    layout = _Layout()
    layout.place(decision)
    return layout.program()


class _Layout:
    """A program written from its end to its start.

    BPF jumps only forward, so whatever an instruction jumps to is already written, and its distance known.
    """

    def __init__(self) -> None:
        self._backwards: list[bytes] = []
        self._places: dict[_Key, int] = {}  # index in _backwards

    def program(self) -> bytes:
        if len(self._backwards) > MAX_INSTRUCTIONS:
            raise ValueError(f"{len(self._backwards)} instructions; the kernel takes {MAX_INSTRUCTIONS}")
        return b"".join(reversed(self._backwards))

    def place(self, decision: Decision) -> None:
        if _key(decision) in self._places:
            return
        match decision:
            case Return(action):
                self._write(_RETURN, action.value)
            case Load(offset, then):
                self._fall_into(then)
                self._write(_LOAD_WORD, offset)
            case Mask(bits, then):
                self._fall_into(then)
                self._write(_AND, bits)
            case Branch(comparison, operand, then, otherwise):
                self.place(otherwise)
                self.place(then)
                # Bringing one within reach may push the other away by an instruction.
                self._bring_near(otherwise, _FARTHEST)
                self._bring_near(then, _FARTHEST + 1)
                self._write(comparison, operand, self._distance(then), self._distance(otherwise))
        self._places[_key(decision)] = len(self._backwards) - 1

    def _fall_into(self, decision: Decision) -> None:
        """Have what is written next run into this decision."""
        self.place(decision)
        self._bring_near(decision, 1)

    def _bring_near(self, decision: Decision, steps: int) -> None:
        """See that fewer than `steps` instructions lie between what is written next and this decision."""
        distance = self._distance(decision)
        if distance < steps:
            return
        if isinstance(decision, Return):
            self._write(_RETURN, decision.action.value)  # as short as a jump to it, and sooner done
        else:
            self._write(_JUMP, distance)
        self._places[_key(decision)] = len(self._backwards) - 1

    def _distance(self, decision: Decision) -> int:
        """How many instructions lie between what is written next and this decision."""
        return len(self._backwards) - self._places[_key(decision)] - 1

    def _write(self, code: int, operand: int, if_true: int = 0, if_false: int = 0) -> None:
        self._backwards.append(struct.pack("=HBBI", code, if_true, if_false, operand))


def _key(decision: Decision) -> _Key:
    """Equal verdicts are one; other decisions are told apart by what they are, as comparing graphs would take long."""
    return decision if isinstance(decision, Return) else id(decision)
