"""Identity: the user and group whose rights a sandbox has."""

from __future__ import annotations

import functools
import os
import pwd
import stat
from dataclasses import dataclass
from typing import Final

__all__ = ["Identity", "sandbox_identity"]

UNCLAIMED: Final = range(60578, 61184)
"""User ids that no distribution hands out (systemd's UIDS-GIDS.md calls them unused). `nobody` would not do: daemons
run as it, and files that belong to nobody known seem to be its own."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user id and a group id, as the host counts them."""

    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether it is this process's own, so that nothing has to be given up for it."""
        return self.uid == os.geteuid()

    def may_read(self, status: os.stat_result) -> bool:
        """Whether the permission bits let it read this file, or list and enter this folder."""
        mode = status.st_mode
        if status.st_uid == self.uid:
            mode >>= 6
        elif status.st_gid == self.gid:
            mode >>= 3
        wanted = 0o5 if stat.S_ISDIR(status.st_mode) else 0o4
        return mode & wanted == wanted


@functools.cache
def sandbox_identity() -> Identity:
    """Whose rights sandboxes have: this user's; an unprivileged one's that nobody else is when this user is root."""
    if os.geteuid() != 0:
        return Identity(os.geteuid(), os.getegid())
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    free = next((uid for uid in UNCLAIMED if uid not in taken), UNCLAIMED[0])
    return Identity(free, free)
