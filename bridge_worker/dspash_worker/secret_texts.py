"""Secret texts: keys that the host has given, and paths of this machine, kept out of everything that is told."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

__all__ = ["keep_secret", "redact"]

_SHORTEST: Final = 6
"""A shorter key is left alone: replacing it would garble ordinary text."""

_lock: Final = threading.Lock()
_known: Final[set[str]] = set()


def keep_secret(texts: Iterable[str]) -> None:
    """From now on, never tell any of `texts`."""
    with _lock:
        _known.update(text for text in texts if len(text) >= _SHORTEST)


def redact(text: str) -> str:
    """Return `text` without known secrets and without this machine's folders."""
    for secret in _known.copy():
        text = text.replace(secret, "[secret]")
    return _FOLDERS.sub("…", text)


def _folders() -> re.Pattern[str]:
    """Where Python, its packages, this package and the user live; the longest first, so that the rest is not left."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path.home()), str(Path(__file__).parents[2])}
    places |= {str(Path(folder)) for folder in sys.path if folder}
    longest_first = sorted((place for place in places if len(place) > 1), key=len, reverse=True)
    return re.compile(f"(?:{'|'.join(re.escape(place) for place in longest_first)})(?![\\w.-])")


_FOLDERS: Final = _folders()
