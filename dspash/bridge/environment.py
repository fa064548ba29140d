"""Environment: which of the host's variables a worker gets. Credentials never enter a worker."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

__all__ = ["worker_environment"]

_PASSED: Final = frozenset(
    {
        "HOME",
        "LANG",
        "LANGUAGE",
        "LC_ALL",
        "LC_COLLATE",
        "LC_CTYPE",
        "LC_MESSAGES",
        "LC_MONETARY",
        "LC_NUMERIC",
        "LC_TIME",
        "LD_LIBRARY_PATH",
        "LOGNAME",
        "PATH",
        "TEMP",
        "TMP",
        "TMPDIR",
        "TZ",
        "USER",
        "VIRTUAL_ENV",
    }
)
"""What an interpreter needs to start and to find its files; everything else stays with the host."""

_SET: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "true",  # otherwise DSPy fetches a price map over the network at its first LM call
    "PYTHONFAULTHANDLER": "1",  # a crash in native code leaves its Python stack on stderr
}


def worker_environment(extra: Mapping[str, str], *, python_path: tuple[str, ...] = ()) -> dict[str, str]:
    """The variables of a worker: the harmless ones of ours, our own settings, then `extra`, which wins.

    `python_path` are folders that the worker can import from, beside its interpreter's own.
    """
    env = {name: value for name, value in os.environ.items() if name in _PASSED}
    env.update(_SET)
    if python_path:
        env["PYTHONPATH"] = os.pathsep.join(python_path)
    env.update(extra)
    return env
