"""Configuration errors: what was asked for cannot be, here or anywhere."""

from __future__ import annotations

from dspash.errors.dspash_error import DspashError

__all__ = ["ConfigurationError", "SandboxUnavailableError"]


class ConfigurationError(DspashError):
    """An argument or setting is wrong: `path` names it, `problem` says why, `way_out` what to do. Fix it."""

    def __init__(self, path: str, problem: str, way_out: str) -> None:
        self.path = path
        self.problem = problem
        self.way_out = way_out
        super().__init__(f"{path}: {problem}; {way_out}")


class SandboxUnavailableError(DspashError):
    """This machine cannot confine a worker as asked; nothing weaker is used in its place.

    `tier` is what was asked for, `probe` the check that failed, `cause` what it met, `way_out` the remedy on this system.
    Fix it by that remedy, or ask for another tier.
    """

    def __init__(self, *, tier: str, probe: str, cause: str, way_out: str) -> None:
        self.tier = tier
        self.probe = probe
        self.cause = cause
        self.way_out = way_out
        super().__init__(f"sandbox {str(tier)!r} is not available here: {probe}: {cause}; {way_out}")
