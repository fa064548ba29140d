"""ZygoteCommand: how to start one process that a spec describes."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from dspash.errors import ConfigurationError
from dspash.sandbox import staging
from dspash.sandbox.binds import Binds, find_binds
from dspash.sandbox.bubblewrap import SCRATCH, View, account_files, bubblewrap_arguments
from dspash.sandbox.containment import find_containment
from dspash.sandbox.identity import Identity, sandbox_identity
from dspash.sandbox.reaping import reaped
from dspash.sandbox.runtime import ask_runtime
from dspash.sandbox.sigchld import heeding_children
from dspash.sandbox.spec import ZygoteSpec
from dspash.sandbox.tier import Tier

__all__ = ["ZygoteCommand", "binds_of", "command_for"]

MIB: Final = 1 << 20
SCRATCH_BYTES: Final = {Tier.STRICT: 16 * MIB, Tier.SHARED_NAMESPACES: 1024 * MIB}
"""Strict workers cover the zygote's scratch folder by one of their own; others have theirs in it."""

_STAGING_FOLDERS: Final = ("/mnt", "/media", "/srv", "/opt")
_NEST_RIGHTS: Final = ("--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SYS_CHROOT")
"""What a trusted zygote needs, inside its own user namespace, to put its forks into PID namespaces. Root has them."""

_FIXED: Final = {
    "LANG": "C.UTF-8",
    # Threads would be lost in a fork, and every arena of the allocator counts as a worker's memory.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "TOKENIZERS_PARALLELISM": "false",
}


class ZygoteCommand:
    """What to give to subprocess: `argv` (add the program's own arguments at its end), `pass_fds`, `environment`, `cwd`.

    `info` is where bubblewrap says, as JSON with `child-pid`, what it started; None where it does not wrap the process.
    It owns descriptors, and in the tier `landlock` a folder: say `started` once the process exists, and `close` once it
    has ended, also when it could not be started.
    """

    def __init__(self) -> None:
        self.argv: tuple[str, ...] = ()
        self.pass_fds: tuple[int, ...] = ()
        self.environment: dict[str, str] = {}
        self.cwd: str | None = "/"
        self.info: int | None = None
        self._given = contextlib.ExitStack()
        self._kept = contextlib.ExitStack()

    def __repr__(self) -> str:
        return f"<ZygoteCommand {' '.join(self.argv)}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def started(self) -> None:
        """The process exists and has what it was to inherit: let go of our copies."""
        self._given.close()

    def close(self) -> None:
        """Let go of everything. May be called again."""
        self._given.close()
        self._kept.close()
        self.info = None

    def give(self, descriptor: int) -> int:
        """Have the process inherit a descriptor, which is ours to close."""
        self._given.callback(os.close, descriptor)
        self.pass_fds = (*self.pass_fds, descriptor)
        return descriptor

    def give_text(self, name: str, text: str) -> int:
        """Have the process inherit a file in memory that holds `text`."""
        descriptor = self.give(os.memfd_create(name))
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape", closefd=False) as file:
            file.write(text)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    def give_file(self, path: str) -> int:
        """Have the process inherit a file of the host, to be read. Raises OSError."""
        return self.give(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC))

    def ask_info(self) -> int:
        """Open the pipe behind `info`; return the end that is bubblewrap's."""
        self.info, theirs = os.pipe()
        self._kept.callback(os.close, self.info)
        return self.give(theirs)

    def make_folder(self) -> str:
        """Make a folder that is removed with `close`."""
        folder = tempfile.mkdtemp(prefix="dspash-")
        self._kept.callback(shutil.rmtree, folder, ignore_errors=True)
        return folder


def command_for(spec: ZygoteSpec, arguments: Sequence[str]) -> ZygoteCommand:
    """The command that runs the spec's interpreter with `arguments` as the spec says.

    Raises ConfigurationError when the interpreter or a mount does not fit; OSError when descriptors run out.
    """
    command = ZygoteCommand()
    with contextlib.ExitStack() as undo:
        undo.callback(command.close)
        if spec.tier.is_wrapped:
            _wrap(command, spec, arguments)
        elif spec.tier is Tier.LANDLOCK:
            _expose(command, spec, arguments)
        else:
            _contain(command, spec, arguments)
        undo.pop_all()
    return command


def binds_of(spec: ZygoteSpec) -> Binds:
    """What the spec's interpreter needs to see. Raises ConfigurationError."""
    return find_binds(ask_runtime(spec.python), spec.python_path)


def _wrap(command: ZygoteCommand, spec: ZygoteSpec, arguments: Sequence[str]) -> None:
    """In a file system of its own; as root, staged and without root's rights."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise ConfigurationError(
            "sandbox", "bubblewrap (bwrap) is not installed", "install the package bubblewrap"
        )
    for mount in spec.mounts:
        mount.require_same()
    identity = sandbox_identity()
    binds = binds_of(spec)
    contents = [(command.give_text("account", text), path) for path, text in account_files(identity).items()]
    contents += [(command.give_file(file.source), file.target) for file in binds.files]
    view = View(binds, spec.mounts, tuple(contents))
    staged = {} if identity.is_ours else _staged_places(view.sources)
    options = bubblewrap_arguments(
        view,
        environment=_environment(spec, SCRATCH, binds.library_path),
        scratch_bytes=SCRATCH_BYTES[spec.tier],
        info=command.ask_info(),
        nests=spec.tier is Tier.STRICT,
        place_of=lambda source: staged.get(source, source),
    )
    # Not as arguments, which every process inside could read.
    options_fd = command.give_text("options", "".join(f"{option}\0" for option in options))
    wrapped = [bwrap, "--args", str(options_fd), "--", *_python(spec, binds.python), *arguments]
    launcher = [] if identity.is_ours else _launcher(command, view.sources, identity)
    command.argv = tuple(reaped([*launcher, *wrapped]))
    # The interpreter of the reaper and the launcher may need it to find its own library; bubblewrap clears it.
    command.environment = {k: v for k, v in os.environ.items() if k == "LD_LIBRARY_PATH"}


def _staged_places(sources: Sequence[str]) -> dict[str, str]:
    folder = _staging_folder()
    return {source: f"{folder}/{place}" for place, source in enumerate(sources)}


def _launcher(command: ZygoteCommand, sources: Sequence[str], identity: Identity) -> list[str]:
    plan = {
        "folder": _staging_folder(),
        "sources": list(sources),
        "uid": identity.uid,
        "gid": identity.gid,
    }
    plan_fd = command.give_text("staging", json.dumps(plan))
    return [sys.executable, "-I", "-S", "-B", staging.__file__, str(plan_fd)]


def _staging_folder() -> str:
    """Where root stages; only the processes that it starts for this see it covered."""
    return next((folder for folder in _STAGING_FOLDERS if Path(folder).is_dir()), _STAGING_FOLDERS[0])


def _expose(command: ZygoteCommand, spec: ZygoteSpec, arguments: Sequence[str]) -> None:
    """In the host's own file system, with nothing else of the host."""
    binds = binds_of(spec)
    folder = command.make_folder()
    command.argv = (*_python(spec, spec.python), *arguments)
    command.environment = _environment(spec, folder, binds.library_path)
    command.cwd = folder


def _contain(command: ZygoteCommand, spec: ZygoteSpec, arguments: Sequence[str]) -> None:
    """As a process like any other, held together by the strongest means there is."""
    command.environment = dict(spec.environment)
    command.cwd = spec.cwd
    program = [spec.python, "-P", *arguments]
    if spec.python_path:
        command.environment["PYTHONPATH"] = os.pathsep.join(spec.python_path)
    containment = find_containment() if spec.contain else None
    if containment is not None and containment.wraps:
        rights = () if os.geteuid() == 0 else _NEST_RIGHTS
        wrapper = (*containment.command, *rights, "--info-fd", str(command.ask_info()), "--")
        command.argv = tuple(reaped([*wrapper, *program]))
    else:
        command.argv = tuple(heeding_children(program))


def _python(spec: ZygoteSpec, python: str) -> list[str]:
    # -I ignores PYTHONPATH with the other variables; -s and -P are what else it does.
    return [python, *(("-s", "-P") if spec.python_path else ("-I",)), "-B"]


def _environment(spec: ZygoteSpec, home: str, library_path: Sequence[str]) -> dict[str, str]:
    environment = {
        **_FIXED,
        "HOME": home,
        "TMPDIR": home,
        "DSPY_CACHEDIR": f"{home}/c",
        **dict(spec.environment),
    }
    if library_path:
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(library_path)
    if spec.python_path:
        environment["PYTHONPATH"] = os.pathsep.join(spec.python_path)
    return environment
