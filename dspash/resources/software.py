"""Software: what a process is made of that what it makes may depend on."""

from __future__ import annotations

import functools
from typing import Final

__all__ = ["installed_software"]

_DISTRIBUTIONS: Final = ("dspash", "dspy")


def installed_software() -> dict[str, str]:
    """The versions of dspash, DSPy and Python in this process' environment, by name; what is not installed is left out."""
    return dict(_found())


@functools.cache
def _found() -> dict[str, str]:
    import platform
    from importlib import metadata  # neither is quick to load, nor needed before something is made

    found = {"python": platform.python_version()}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
