"""Mounts: a worker's own view of the files, in a mount namespace of its own."""

from __future__ import annotations

from typing import Final

from dspash_worker.confinement import kernel

__all__ = ["settle"]

_MS_RDONLY: Final = 0x1
_MS_NOSUID: Final = 0x2
_MS_NODEV: Final = 0x4
_MS_NOEXEC: Final = 0x8
_MS_REC: Final = 0x4000
_MS_PRIVATE: Final = 0x4_0000

_INERT: Final = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC


def settle(scratch: str, *, scratch_bytes: int, scratch_inodes: int) -> None:
    """Make all mounts private and read-only, put an empty writable file system on `scratch` and an empty one on /proc.

    Read-only counts for device files too: they can still be written to, but not be given another mode or time, which
    every worker would see. Limits of 0 leave it to the kernel: half the memory, and as many inodes.

    Needs CAP_SYS_ADMIN over the mount namespace. Raises OSError with the path.
    """
    kernel.mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    kernel.make_read_only("/")
    options = ["mode=0700"]
    if scratch_bytes:
        options.append(f"size={scratch_bytes}")
    if scratch_inodes:
        options.append(f"nr_inodes={scratch_inodes}")
    kernel.mount("scratch", scratch, "tmpfs", _INERT, ",".join(options))
    kernel.mount("none", "/proc", "tmpfs", _INERT | _MS_RDONLY, "mode=0555,size=4k,nr_inodes=2")
