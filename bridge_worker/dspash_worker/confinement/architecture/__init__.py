"""Architecture: how the kernel is called on each kind of processor."""

from __future__ import annotations

from dspash_worker.confinement.architecture.architecture import (
    AARCH64,
    ARCHITECTURES,
    X86_64,
    Architecture,
    this_architecture,
)

__all__ = ["AARCH64", "ARCHITECTURES", "X86_64", "Architecture", "this_architecture"]
