"""Version: `dspash version`."""

from __future__ import annotations

import platform

from dspash.cli.command import Answer, command

__all__ = ["version"]


@command
def version() -> Answer:
    """Print the versions of dspash, DSPy and Python."""
    from importlib import metadata

    versions = {
        "dspash": metadata.version("dspash"),
        "dspy": metadata.version("dspy"),
        "python": platform.python_version(),
    }
    return Answer(value=versions, show="\n".join(f"{name} {number}" for name, number in versions.items()))
