"""BPF: an interpreter of seccomp programs, written from the kernel's description of them and from nothing of ours."""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = ["SeccompData", "instructions", "run"]

LD_W_ABS, ALU_AND_K = 0x20, 0x54
JMP_JA, JMP_JEQ_K, JMP_JGT_K, JMP_JGE_K, JMP_JSET_K = 0x05, 0x15, 0x25, 0x35, 0x45
RET_K = 0x06


@dataclass(frozen=True, slots=True)
class SeccompData:
    """What the kernel shows a filter of one call."""

    nr: int
    arch: int
    args: tuple[int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0)

    def words(self) -> tuple[int, ...]:
        """The 32-bit words of struct seccomp_data, on a little-endian machine."""
        return struct.unpack("=16I", struct.pack("=IIQ6Q", self.nr, self.arch, 0, *self.args))


def instructions(program: bytes) -> list[tuple[int, int, int, int]]:
    """(code, jt, jf, k) of each instruction."""
    return list(struct.iter_unpack("=HBBI", program))


def run(program: bytes, data: SeccompData) -> int:
    """Return the program's verdict. Fails on anything that the kernel's checker would refuse."""
    code = instructions(program)
    assert 0 < len(code) <= 4096
    assert code[-1][0] == RET_K
    words = data.words()
    accumulator = 0
    at = 0
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        if operation == LD_W_ABS:
            assert operand % 4 == 0
            accumulator = words[operand // 4]
        elif operation == ALU_AND_K:
            accumulator &= operand
        elif operation == JMP_JA:
            at += operand
        elif operation == RET_K:
            return operand
        else:
            holds = {
                JMP_JEQ_K: accumulator == operand,
                JMP_JGT_K: accumulator > operand,
                JMP_JGE_K: accumulator >= operand,
                JMP_JSET_K: accumulator & operand != 0,
            }[operation]
            at += if_true if holds else if_false
