"""Privileges: holding some, gaining some, or laying oneself open to others."""

from __future__ import annotations

from typing import Final

from tests.escape.attempt import Attempt, Need, Proof

__all__ = ["PRIVILEGES"]

PRIVILEGES: Final = (
    Attempt(
        "capabilities",
        "hold a privilege",
        """
        def attempt(planted):
            held = (ctypes.c_uint32 * 6)()
            done(syscall("capget", (ctypes.c_uint32 * 2)(0x20080522, 0), held))
            return bool(held[0] | held[1] | held[3] | held[4])
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "override_of_modes",
        "open one's own file against its mode, as only privilege can",
        """
        def attempt(planted):
            open("closed", "w").close()
            os.chmod("closed", 0)
            if stat.S_IMODE(os.stat("closed").st_mode):
                raise PermissionError("its mode is as it was")
            return os.open("closed", os.O_RDWR) >= 0
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "becoming_root",
        "be root",
        """
        def attempt(planted):
            os.setresuid(0, 0, 0)
            return os.geteuid() == 0
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "groups",
        "change one's groups",
        """
        def attempt(planted):
            os.setgroups([0])
            return True
        """,
        proof=Proof.SAID,
        needs=frozenset({Need.ROOT}),
    ),
    Attempt(
        "core_on_a_crash",
        "hand one's memory to the host's handler of crashes, which runs as root",
        """
        def attempt(planted):
            PR_GET_DUMPABLE = 3
            return LIBC.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1
        """,
        proof=Proof.SAID,
    ),
    Attempt(
        "dumpable_again",
        "open oneself to other processes of the same user",
        """
        def attempt(planted):
            PR_SET_DUMPABLE = 4
            return reached("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0)
        """,
        proof=Proof.SAID,
    ),
)
