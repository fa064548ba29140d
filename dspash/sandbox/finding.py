"""Finding: whether a tier can be had here; if not, the probe that failed, its cause and the way out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from dspash.sandbox.system import System
from dspash.sandbox.tier import Tier

__all__ = ["Failed", "Finding", "Passed", "Problem", "Trial", "refuse_early"]

MACHINES: Final = ("x86_64", "aarch64")  # those with a table of system calls


@dataclass(frozen=True, slots=True)
class Problem:
    """The probe that failed, what it met, and what to do about it on this system."""

    probe: str
    cause: str
    way_out: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one tier: no problem, or the first that was met. `found` says what there is."""

    tier: Tier
    found: str = ""
    problem: Problem | None = None

    @property
    def is_available(self) -> bool:
        """Whether workers of this tier can be started."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class Passed:
    """A trial process ran where a zygote would; what dspash.sandbox.system_probe said there."""

    landlock: int
    seccomp: bool
    nested: tuple[str, int] | None

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Passed:
        """Read the probe's JSON. Raises KeyError, TypeError when it is something else."""
        nested = answer["nested"]
        return cls(
            int(answer["landlock"]),
            bool(answer["seccomp"]),
            None if nested is None else (str(nested["step"]), int(nested["errno"])),
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """A trial process did not get so far; the last line that was said."""

    said: str


Trial: TypeAlias = Passed | Failed


def refuse_early(tier: Tier, system: System) -> Problem | None:
    """What is known without trying anything."""
    if system.platform != "linux":
        return Problem(
            "operating system",
            f"sandboxes are made of Linux's own means, and this is {system.platform}",
            "run on Linux",
        )
    if system.machine not in MACHINES:
        return Problem(
            "processor",
            f"system calls are known for {' and '.join(MACHINES)}, not for {system.machine}",
            f"run on {' or '.join(MACHINES)}",
        )
    if tier is Tier.LANDLOCK and system.is_root:
        return Problem(
            "user",
            "root keeps rights that Landlock does not take away",
            f"run as an ordinary user, or use {Tier.STRICT}",
        )
    if tier.is_wrapped and system.bwrap is None:
        return Problem("bubblewrap", "bwrap is not on PATH", system.install_bwrap)
    return None
