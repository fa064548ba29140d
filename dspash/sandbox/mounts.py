"""Mounts: files of the host that a program asked to see, by name and read-only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dspash.errors import ConfigurationError
from dspash.sandbox.sources import read_source

__all__ = ["Mount", "read_mounts"]

FOLDER: Final = "/mnt"
MOST: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Mount:
    """`source`, a real path of the host, is seen inside as /mnt/`name`."""

    name: str
    source: str

    @property
    def target(self) -> str:
        """Where it is seen."""
        return f"{FOLDER}/{self.name}"

    def require_same(self) -> None:
        """Raise ConfigurationError when its source is not any more what was checked."""
        if read_source(f"mounts.{self.name}", self.source) != self.source:
            raise ConfigurationError(
                f"mounts.{self.name}", f"{self.source} leads elsewhere now", "give the mount again"
            )


def read_mounts(mounts: Mapping[str, str | Path]) -> tuple[Mount, ...]:
    """Check what a program is to see, name by name. Raises ConfigurationError with the mount's name."""
    if len(mounts) > MOST:
        raise ConfigurationError("mounts", f"{len(mounts)} are too many", f"give {MOST} at most")
    return tuple(_read_mount(name, source) for name, source in sorted(mounts.items()))


def _read_mount(name: object, source: object) -> Mount:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            "mounts",
            f"{name!r} is not a name",
            "use letters, digits, dots, dashes and underscores, 64 at most",
        )
    if not isinstance(source, str | Path):
        raise ConfigurationError(f"mounts.{name}", f"{source!r} is not a path", "give a folder or a file")
    return Mount(name, read_source(f"mounts.{name}", source))
