"""Seccomp: which system calls a confined process may make."""

from __future__ import annotations

from dspash_worker.confinement.seccomp.programs import inner_program, install, outer_program

__all__ = ["inner_program", "install", "outer_program"]
