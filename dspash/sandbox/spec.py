"""ZygoteSpec: what tells one kind of zygote from another."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from dspash.errors import ConfigurationError
from dspash.sandbox.mounts import Mount, read_mounts
from dspash.sandbox.sources import read_source
from dspash.sandbox.tier import Tier

__all__ = ["Trade", "ZygoteSpec"]

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OURS: Final = frozenset({"HOME", "TMPDIR", "PATH", "DSPY_CACHEDIR"})
_STEERING: Final = ("PYTHON", "LD_")
"""What begins so decides which code an interpreter loads."""


class Trade(StrEnum):
    """What a zygote's workers are for: what it imports, and what they serve."""

    PROGRAMS = "programs"
    INTERPRETER = "interpreter"


@dataclass(frozen=True, slots=True, kw_only=True)
class ZygoteSpec:
    """Workers of equal specs can come from one zygote. Make one with `of`, which checks everything.

    `python_path` are folders it can import from besides its interpreter's own, shown to it whole. `environment` is the
    zygote's whole environment in the tier `process`, and added to the sandbox's own in the others; `cwd` and `contain`
    are for `process` alone: where it runs, and whether bubblewrap holds it together.
    """

    python: str
    tier: Tier
    mounts: tuple[Mount, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    python_path: tuple[str, ...] = ()
    cwd: str | None = None
    contain: bool = True
    trade: Trade = Trade.PROGRAMS

    @classmethod
    def of(
        cls,
        *,
        python: str,
        tier: Tier,
        mounts: Mapping[str, str | Path] | None = None,
        environment: Mapping[str, str] | None = None,
        python_path: Sequence[str] = (),
        cwd: str | None = None,
        contain: bool = True,
        trade: Trade = Trade.PROGRAMS,
    ) -> ZygoteSpec:
        """Check and normalise what was asked for. Raises ConfigurationError, which names what does not fit."""
        found = shutil.which(python)
        if found is None:
            raise ConfigurationError(
                "python", f"{python!r} is no program", "give an interpreter that has dspash"
            )
        variables = environment or {}
        if tier.is_sandbox:
            for name, value in variables.items():
                _require_harmless(name, value)
            python_path = [
                read_source(f"python_path[{place}]", folder) for place, folder in enumerate(python_path)
            ]
        if mounts and not tier.is_wrapped:
            raise ConfigurationError(
                "mounts", f"the tier {tier} has none", f"use {Tier.STRICT}, or leave them out"
            )
        return cls(
            python=str(
                Path(found).absolute()
            ),  # not resolved: a venv is known by the path of its interpreter
            tier=tier,
            mounts=read_mounts(mounts or {}),
            environment=tuple(sorted(variables.items())),
            python_path=tuple(python_path),
            cwd=cwd,
            contain=contain,
            trade=trade,
        )


def _require_harmless(name: str, value: object) -> None:
    """Refuse a variable that would change what a sandboxed interpreter loads, or where it writes."""
    path = f"environment.{name}"
    if not _VARIABLE.fullmatch(name):
        raise ConfigurationError(path, "that is not a variable's name", "use letters, digits and underscores")
    if not isinstance(value, str) or "\0" in value:
        raise ConfigurationError(path, "its value is not text", "give text without NUL")
    if name in _OURS:
        raise ConfigurationError(path, "the sandbox sets it itself", "leave it out")
    if name.startswith(_STEERING):
        raise ConfigurationError(
            path,
            "it would change what the sandbox's interpreter loads",
            "leave it out; python_path adds folders",
        )
