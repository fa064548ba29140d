"""Versions: of everything whose version a host may have to know, found without importing any of it."""

from __future__ import annotations

import importlib.util
import platform
import re
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

__all__ = ["find_versions"]

_DISTRIBUTIONS: Final = ("dspash", "dspy")
_ASSIGNED: Final = re.compile(r"^__version__\s*=\s*[\"']([^\"']+)", re.MULTILINE)


@cache
def find_versions() -> Mapping[str, str | None]:
    """Versions by name; None for what is not installed. Looked up once.

    `lm15` is the copy inside DSPy: both ends read its dicts.
    """
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    versions["lm15"] = _find_lm15()
    return versions


def _find_lm15() -> str | None:
    spec = importlib.util.find_spec("dspy")
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        file = Path(folder, "_vendor", "lm15", "_version.py")
        if file.is_file() and (found := _ASSIGNED.search(file.read_text(encoding="utf-8"))) is not None:
            return found[1]
    return None
