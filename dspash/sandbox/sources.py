"""Sources: folders and files of the host that a sandbox may be shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from dspash.errors import ConfigurationError
from dspash.sandbox.identity import Identity, sandbox_identity

__all__ = ["read_source"]

_PSEUDO: Final = ("/proc", "/sys", "/dev", "/run", "/var/run")
_PRIVATE: Final = ("/etc", "/root", "/home", "/var", "/boot")
"""Folders whose whole says too much; what is below them may be shown."""


def read_source(path: str, source: str | Path) -> str:
    """The real path of `source`, which may be shown read-only to a sandbox; `path` is the setting to name in errors.

    Raises ConfigurationError when it is missing, no folder or plain file, more than a sandbox should see, closed to the
    sandbox's user, or below a folder that others can change: they could put something else in its place.
    """
    given = os.fspath(source)
    try:
        real = Path(given).expanduser().resolve(strict=True)
        status = real.stat()
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigurationError(
            path, f"{given!r} cannot be opened ({error})", "give a folder or file that exists"
        ) from None
    if not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)):
        raise ConfigurationError(path, f"{given!r} is neither a folder nor a plain file", "give one of these")
    _require_narrow(path, real)
    identity = sandbox_identity()
    for folder in real.parents:
        _require_guarded(path, real, folder, identity)
    if not identity.may_read(status) and not _is_shown_to_us(identity, real):
        open_it = f"chmod o+{'rx' if stat.S_ISDIR(status.st_mode) else 'r'} {real}"
        raise ConfigurationError(
            path,
            f"{real} is closed to the unprivileged user that sandboxes run as",
            f"{open_it}, and what is in it",
        )
    return str(real)


def _require_narrow(path: str, real: Path) -> None:
    """Refuse what holds much more than a program's own files."""
    wide = {Path(folder) for folder in (*_PSEUDO, *_PRIVATE)} | {Path.home()}
    if any(folder == real or folder.is_relative_to(real) for folder in wide):
        raise ConfigurationError(
            path, f"{real} holds more than a sandbox should see", "give a folder of its own"
        )
    if any(real.is_relative_to(folder) for folder in _PSEUDO):
        raise ConfigurationError(
            path, f"{real} is no ordinary file system", "copy what is needed to a folder"
        )


def _require_guarded(path: str, real: Path, folder: Path, identity: Identity) -> None:
    """Refuse a folder above `real` where others could swap what leads to it."""
    status = folder.stat()
    is_open = bool(status.st_mode & stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
    is_theirs = not identity.is_ours and (
        status.st_uid == identity.uid or (status.st_gid == identity.gid and status.st_mode & stat.S_IWGRP)
    )
    if is_open or is_theirs:
        raise ConfigurationError(
            path,
            f"{folder}, above {real}, can be changed by anybody",
            f"chmod o-w {folder}, or use another place",
        )


def _is_shown_to_us(identity: Identity, real: Path) -> bool:
    """As ourselves, access lists and the like count as well as permission bits."""
    return identity.is_ours and os.access(real, os.R_OK | (os.X_OK if real.is_dir() else 0))
