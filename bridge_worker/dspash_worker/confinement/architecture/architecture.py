"""Architecture: how the kernel is called on the processor that this process runs on."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from dspash_worker.confinement.architecture import aarch64, x86_64

__all__ = ["AARCH64", "ARCHITECTURES", "X86_64", "Architecture", "this_architecture"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """One way to call the kernel.

    `audit` is what the kernel puts into a call's `arch`; `numbers` the calls' numbers by name. Numbers from
    `foreign_from` on belong to another calling convention that comes with the same `audit`.
    """

    name: str
    audit: int
    numbers: Mapping[str, int] = field(repr=False)
    foreign_from: int | None = None


X86_64: Final = Architecture("x86_64", 0xC000_003E, x86_64.NUMBERS, foreign_from=0x4000_0000)  # x32
AARCH64: Final = Architecture("aarch64", 0xC000_00B7, aarch64.NUMBERS)

ARCHITECTURES: Final = {architecture.name: architecture for architecture in (X86_64, AARCH64)}


@functools.cache
def this_architecture() -> Architecture:
    """Return the one this process runs on. Raises OSError where workers cannot be confined."""
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        raise OSError(f"workers can be confined on {' and '.join(ARCHITECTURES)}, not on {machine}")
    return ARCHITECTURES[machine]
