"""Disk: a program's folder written to and read from the file system, where others may have been at work."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from dspash.resources.content.errors import ContentError
from dspash.resources.content.folder import MANIFEST, ProgramFolder

__all__ = ["read_folder", "write_folder"]

MAX_FOLDER_BYTES: Final = 64 * 1024 * 1024  # what one message to a worker may hold

_OURS: Final = (
    "program.py",
    "forward.py",
    "config.json",
    "tools.json",
    "modules/*.json",
    "predictors/*/*.json",
    "predictors/*/*.txt",
)
"""Files that an earlier export may have left; everything else in the folder is somebody else's."""


def write_folder(folder: Path, program: ProgramFolder) -> tuple[str, ...]:
    """Make `folder` hold exactly this program, and return the paths of its files below it, sorted.

    What an earlier export left is replaced, or removed; other files stay. Raises ContentError for a folder that has files
    and no program.toml, and for one that cannot be written.
    """
    try:
        return _write_all(folder, program.files())
    except OSError as error:
        problem = f"it cannot be written: {error.strerror or error}"
        raise ContentError(str(folder), problem, "name a folder that can be") from error


def _write_all(folder: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    if folder.exists() and not (folder / MANIFEST).is_file() and next(folder.iterdir(), None) is not None:
        raise ContentError(str(folder), f"it has files and no {MANIFEST}", "give a new or an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    root = folder.resolve()
    for path in sorted(files):
        _write(_inside(root, path), files[path])
    for path in _stale(root, files):
        _inside(root, path).unlink()
        _remove_empty(root, path)
    return tuple(sorted(files))


def read_folder(folder: Path) -> ProgramFolder:
    """Read a program. Raises ContentError naming the file that does not fit, or leads out of the folder."""
    root = folder.resolve()
    room = MAX_FOLDER_BYTES

    def read(path: str) -> str | None:
        nonlocal room
        text = _read(root, path, room)
        room -= len(text or "")
        return text

    return ProgramFolder.of_files(read)


def _write(path: Path, text: str) -> None:
    """Put the text in place whole; a file with that very text stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = text.encode()
    if path.is_file() and not path.is_symlink() and path.read_bytes() == content:
        return
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    with draft.open("xb") as file:
        file.write(content)
    draft.replace(path)


def _read(root: Path, path: str, room: int) -> str | None:
    place = _inside(root, path)
    try:
        # A link may lead anywhere, and a pipe would be waited for without end.
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ContentError(path, f"it cannot be read: {error.strerror}", "give a plain file") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ContentError(path, "it is no plain file", "give a plain file")
        content = file.read(room + 1)
    if len(content) > room:
        raise ContentError(path, f"the folder has more than {MAX_FOLDER_BYTES} bytes", "give a smaller one")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ContentError(path, "it is no UTF-8", "save it as UTF-8") from None


def _inside(root: Path, path: str) -> Path:
    """The place of a file; raises ContentError where a symbolic link leads out of the folder."""
    place = root / path
    if not place.parent.resolve().is_relative_to(root):
        raise ContentError(path, "it leads out of the folder", "give a folder without symbolic links")
    return place


def _stale(root: Path, files: Mapping[str, str]) -> list[str]:
    found = (path.relative_to(root).as_posix() for pattern in _OURS for path in root.glob(pattern))
    return sorted(path for path in found if path not in files)


def _remove_empty(root: Path, path: str) -> None:
    """Remove the folders that held this file and hold nothing any more."""
    for parent in PurePosixPath(path).parents:
        place = root / parent
        if place == root or next(place.iterdir(), None) is not None:
            return
        place.rmdir()
