"""Explanation: what a trial of a sandbox has shown, as its cause and the way out on this system."""

from __future__ import annotations

import errno
import os
from typing import Final

from dspash.sandbox.finding import Failed, Problem, Trial
from dspash.sandbox.system import APPARMOR, MAX_USERNS, USERNS_CLONE, System
from dspash.sandbox.tier import Tier

__all__ = ["explain"]

_ENOUGH: Final = 15_000  # user namespaces: two a worker, and what desktops and browsers take
_UNFILTER: Final = (
    "start the container with a seccomp profile that allows {calls}"
    " (docker run --security-opt seccomp=unconfined, Kubernetes seccompProfile: Unconfined)"
)
_NAMESPACES: Final = _UNFILTER.format(calls="unshare, clone and mount")
_UNMASK: Final = (
    "let it mount /proc (docker run --security-opt systempaths=unconfined, Kubernetes procMount: Unmasked)"
)
_PROFILE: Final = (
    "apt install apparmor-profiles; ln -s /usr/share/apparmor/extra-profiles/bwrap-userns-restrict /etc/apparmor.d/;"
    f" systemctl reload apparmor; or sysctl -w {APPARMOR}=0"
)


def explain(tier: Tier, system: System, trial: Trial) -> Problem | None:
    """Judge what a trial has shown; None when this tier can be had."""
    if isinstance(trial, Failed):
        return _explain_failure(system, trial.said)
    if tier is Tier.STRICT and trial.nested is not None:
        return _explain_nesting(system, *trial.nested)
    if trial.landlock <= 0:
        return _explain_landlock(system, -trial.landlock)
    if not trial.seccomp:
        return Problem(
            "seccomp",
            "the kernel has no seccomp filters",
            "use a kernel with CONFIG_SECCOMP_FILTER (4.14 or newer)",
        )
    return None


def _explain_failure(system: System, said: str) -> Problem:
    """Bubblewrap, or what stages for it, ended before anything ran inside."""
    # What a setting says for certain comes before what an error's words suggest.
    for explanation in (_too_old, _not_staged, _switched_off, _masked, _denied):
        problem = explanation(system, said)
        if problem is not None:
            return problem
    return Problem(
        "bubblewrap", said or "it ended without a word", "mend what it names, and run dspash doctor"
    )


def _too_old(system: System, said: str) -> Problem | None:
    if "nknown option" not in said:
        return None
    cause = f"{system.bwrap} {system.bwrap_version} is too old ({said})"
    return Problem("bubblewrap version", cause, f"{system.install_bwrap}, 0.7 or newer")


def _not_staged(_system: System, said: str) -> Problem | None:
    """The launcher's own words: see dspash.sandbox.staging."""
    if "could not stage" not in said:
        return None
    if "unshare" in said:
        cause = f"{said}; root lacks CAP_SYS_ADMIN here"
        way_out = (
            "run as an ordinary user (docker run --user 1000), or add that capability (--cap-add SYS_ADMIN)"
        )
    elif "Invalid argument" in said:
        cause = f"{said}; this user namespace knows too few user ids"
        way_out = "run as an ordinary user, or give the container 65536 ids (/etc/subuid)"
    else:
        cause, way_out = said, "mend what it names, or run as an ordinary user"
    return Problem("staging as root", cause, way_out)


def _switched_off(system: System, said: str) -> Problem | None:
    for setting, value in ((MAX_USERNS, _ENOUGH), (USERNS_CLONE, 1)):
        if system.sysctls.get(setting) == 0:
            return Problem(
                "user namespaces", f"{setting}=0 allows none ({said})", f"sysctl -w {setting}={value}"
            )
    return None


def _masked(system: System, said: str) -> Problem | None:
    if "mount proc" not in said:
        return None
    shared = f"or use sandbox={Tier.SHARED_NAMESPACES.value!r}, which mounts none"
    return Problem("mounting /proc", f"{_container(system)} masks /proc ({said})", f"{_UNMASK}, {shared}")


def _denied(system: System, said: str) -> Problem | None:
    words = ("ermission", "not permitted", "No space left", "Invalid argument", "namespace")
    if not any(word in said for word in words):
        return None
    if system.sysctls.get(APPARMOR):
        cause = f"{APPARMOR}=1, and AppArmor has no profile that allows them to bwrap ({said})"
        return Problem("user namespaces", cause, _PROFILE)
    if system.seccomp_filters:
        return Problem(
            "user namespaces",
            f"{_container(system)} forbids them ({said})",
            f"{_NAMESPACES}{_without(system)}",
        )
    way_out = f"look at {USERNS_CLONE}, {MAX_USERNS}, {APPARMOR} and the kernel's CONFIG_USER_NS"
    return Problem("user namespaces", f"the kernel refuses them ({said})", way_out)


def _explain_nesting(system: System, step: str, number: int) -> Problem:
    """Bubblewrap makes namespaces here; what runs in them may make none."""
    cause = f"{step}: {os.strerror(number)}"
    shared = f"use sandbox={Tier.SHARED_NAMESPACES.value!r}"
    if number == errno.ENOSPC:
        way_out = f"sysctl -w {MAX_USERNS}={_ENOUGH}, or {shared}"
    elif system.sysctls.get(APPARMOR):
        cause += f"; {APPARMOR}=1, and AppArmor's profile for bwrap lets what it starts make none"
        way_out = f"{shared}, or sysctl -w {APPARMOR}=0"
    elif system.seccomp_filters:
        cause += f"; {_container(system)} filters system calls"
        way_out = f"{shared}, or {_NAMESPACES}"
    else:
        way_out = shared
    return Problem("nested user namespace", cause, way_out)


def _explain_landlock(system: System, number: int) -> Problem:
    if number == errno.EOPNOTSUPP:
        return Problem(
            "Landlock",
            "the kernel was started without it",
            "add landlock to the kernel's lsm= boot parameter (what is on: cat /sys/kernel/security/lsm)",
        )
    if system.seccomp_filters:
        return Problem(
            "Landlock", f"{_container(system)} refuses its system calls", _UNFILTER.format(calls="landlock_*")
        )
    return Problem("Landlock", f"the kernel has none ({os.strerror(number)})", "use Linux 5.13 or newer")


def _without(system: System) -> str:
    """What is left to somebody who cannot change the container."""
    return (
        ""
        if system.is_root
        else f"; or use sandbox={Tier.LANDLOCK.value!r}, which is weaker and needs neither"
    )


def _container(system: System) -> str:
    return (
        f"this {system.container} container"
        if system.container
        else "a filter that this process has inherited"
    )
