"""Runtime: what an interpreter is made of, as it says itself."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dspash.errors import ConfigurationError
from dspash.sandbox import interpreter_probe
from dspash.sandbox.sigchld import heeding_children

__all__ = ["Runtime", "ask_runtime"]

TIMEOUT_S: Final = 20.0  # it answers within 40 ms; a busy machine, or a disk that sleeps, takes longer
_PASSED: Final = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH")  # what a wrapper around an interpreter may need
_WAY_OUT: Final = "give an interpreter that runs here (Python 3.11 or newer, with dspash)"


@dataclass(frozen=True, slots=True)
class Runtime:
    """An interpreter's parts, as paths that it names itself and that need not exist.

    `sites` are its site-packages, `linked` the folders that .pth files in these add, as editable installations do.
    `loader` is its dynamic loader, `mapped` every shared library that it and the standard library's modules need.
    """

    executable: str
    pyvenv: str | None
    stdlib: tuple[str, ...]
    sites: tuple[str, ...]
    linked: tuple[str, ...]
    loader: str | None
    mapped: tuple[str, ...]
    zoneinfo: tuple[str, ...]


def ask_runtime(python: str) -> Runtime:
    """Ask the interpreter at the path `python`; 40 ms, once for each state of its files.

    Raises ConfigurationError when it does not answer.
    """
    return _ask(python, _changed_at(python))


@functools.lru_cache(maxsize=64)
def _ask(python: str, _changed: tuple[int, ...]) -> Runtime:
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    try:
        done = subprocess.run(
            heeding_children([python, "-I", "-S", "-B", interpreter_probe.__file__]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            cwd="/",
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError("python", f"{python} does not run ({error})", _WAY_OUT) from None
    try:
        return _read(json.loads(done.stdout))
    except (ValueError, KeyError, TypeError):
        said = done.stderr.decode(errors="replace").strip().splitlines()
        problem = said[-1] if said else f"exit status {done.returncode}"
        raise ConfigurationError(
            "python", f"{python} does not describe itself ({problem})", _WAY_OUT
        ) from None


def _read(answer: dict[str, Any]) -> Runtime:
    lists = ("stdlib", "sites", "linked", "mapped", "zoneinfo")
    return Runtime(
        executable=answer["executable"],
        pyvenv=answer["pyvenv"],
        loader=answer["loader"],
        **{name: tuple(dict.fromkeys(path for path in answer[name] if path)) for name in lists},
    )


def _changed_at(python: str) -> tuple[int, ...]:
    """What differs once an interpreter was replaced, or its environment made anew."""
    changed: list[int] = []
    for path in (Path(python), Path(python).parent.parent / "pyvenv.cfg"):
        try:
            status = path.stat()
        except OSError:
            changed.append(0)
        else:
            changed += [status.st_ino, status.st_mtime_ns]
    return tuple(changed)
