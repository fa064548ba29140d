"""A temporary folder that whoever makes the next one removes, when its process has ended without doing so."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

__all__ = ["held_folder"]

HELD = "held"  # locked by the process that the folder belongs to: the kernel unlocks it, however that ends


@contextlib.contextmanager
def held_folder(prefix: str, parent: Path | None = None) -> Generator[Path, None, None]:
    """Make a folder for the block, below `parent` or where temporary files are."""
    place = parent or Path(tempfile.gettempdir())
    _remove_abandoned(place, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        with (folder / "made").open("wb") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            (folder / "made").rename(folder / HELD)  # it is never there without being locked
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(place: Path, prefix: str) -> None:
    # One that is just being made has no such file yet, and is left alone.
    for file in place.glob(f"{prefix}*/{HELD}"):
        with contextlib.suppress(OSError), file.open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(file.parent, ignore_errors=True)
