"""Bubblewrap: the arguments that make a sandbox's namespaces and file system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dspash.sandbox.binds import Binds
from dspash.sandbox.identity import Identity
from dspash.sandbox.mounts import Mount

__all__ = ["ACCOUNT_FILES", "DEVICES", "SCRATCH", "View", "account_files", "bubblewrap_arguments"]

SCRATCH: Final = "/box"
DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
ACCOUNT_FILES: Final = ("/etc/passwd", "/etc/group")

_NAMESPACES: Final = (
    "--unshare-user --unshare-pid --unshare-net --unshare-ipc --unshare-uts --unshare-cgroup-try"
    " --die-with-parent --new-session --hostname sandbox --cap-drop ALL --clearenv"
).split()


@dataclass(frozen=True, slots=True)
class View:
    """All that is to be seen inside: the interpreter's parts, the user's mounts, and the accounts' files.

    `contents` are files that are made inside: descriptors to copy from, with the paths to copy to.
    """

    binds: Binds
    mounts: tuple[Mount, ...]
    contents: tuple[tuple[int, str], ...]

    @property
    def sources(self) -> tuple[str, ...]:
        """The host's paths behind it, each once."""
        return tuple(dict.fromkeys((*self.binds.sources, *(mount.source for mount in self.mounts))))


def account_files(identity: Identity) -> dict[str, str]:
    """Path and text of the files with one account, so that a program can look up its own name."""
    passwd, group = ACCOUNT_FILES
    return {
        passwd: f"sandbox:x:{identity.uid}:{identity.gid}:sandbox:{SCRATCH}:/nonexistent\n",
        group: f"sandbox:x:{identity.gid}:\n",
    }


def bubblewrap_arguments(
    view: View,
    *,
    environment: Mapping[str, str],
    scratch_bytes: int,
    info: int,
    nests: bool,
    place_of: Callable[[str], str] = str,
) -> list[str]:
    """Everything before the command. `place_of` says where a source is reached from: itself, or where it was staged.

    `info` is the descriptor that bubblewrap tells its child's pid on. With `nests`, workers have namespaces and a /proc of
    their own, which takes one to make, and the right, within the sandbox's own user namespace, to fork into others: workers
    lose it before they hear anything. Otherwise /proc is empty, since stat() tells there what the neighbours do.
    """
    return [
        *_NAMESPACES,
        *(("--cap-add", "CAP_SYS_ADMIN") if nests else ()),
        *_each("--setenv", environment.items()),
        *_each("--ro-bind", ((place_of(pair.source), pair.target) for pair in view.binds.pairs)),
        *_each("--ro-bind", ((place_of(mount.source), mount.target) for mount in view.mounts)),
        *_hiding(view.binds.hidden),
        *_each("--symlink", view.binds.links),
        *(("--proc", "/proc") if nests else _hiding(("/proc",))),
        *("--dir", "/dev"),
        *_each("--dev-bind", ((device, device) for device in DEVICES)),
        *_copying(view.contents),
        *("--perms", "0700", "--size", str(scratch_bytes), "--tmpfs", SCRATCH),
        *("--remount-ro", "/", "--chdir", SCRATCH, "--info-fd", str(info)),
    ]


def _each(option: str, pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for first, second in pairs:
        yield from (option, first, second)


def _hiding(folders: Iterable[str]) -> Iterator[str]:
    """Empty folders over others; bubblewrap's are writable until they are told not to be."""
    for folder in folders:
        yield from ("--perms", "0555", "--size", "4096", "--tmpfs", folder, "--remount-ro", folder)


def _copying(contents: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Files by copy: a bind for each would cost bubblewrap a millisecond, and every worker's namespace a mount."""
    for descriptor, path in contents:
        yield from ("--perms", "0444", "--file", str(descriptor), path)
