"""System: what this machine says of itself, as far as it explains why a sandbox cannot be made."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dspash.sandbox.sigchld import heeding_children

__all__ = ["APPARMOR", "MAX_USERNS", "USERNS_CLONE", "System", "read_system"]

TIMEOUT_S: Final = 10.0
USERNS_CLONE: Final = "kernel.unprivileged_userns_clone"  # Debian's and Arch's own
MAX_USERNS: Final = "user.max_user_namespaces"
APPARMOR: Final = "kernel.apparmor_restrict_unprivileged_userns"  # Ubuntu's, since 23.10

_INSTALL: Final = {
    "alpine": "apk add bubblewrap",
    "arch": "pacman -S bubblewrap",
    "debian": "apt install bubblewrap",
    "fedora": "dnf install bubblewrap",
    "gentoo": "emerge sys-apps/bubblewrap",
    "nixos": "nix-env -iA nixos.bubblewrap",
    "rhel": "dnf install bubblewrap",
    "suse": "zypper install bubblewrap",
    "ubuntu": "apt install bubblewrap",
}


@dataclass(frozen=True, slots=True)
class System:
    """`distribution` are the names from os-release, closest first. `sysctls` has those that exist. `seccomp_filters`
    tells whether somebody has put a filter on this process, as containers do. `bwrap_version` is empty when unknown.
    """

    platform: str
    machine: str
    uid: int
    distribution: tuple[str, ...] = ()
    bwrap: str | None = None
    bwrap_version: str = ""
    sysctls: Mapping[str, int] = field(default_factory=dict[str, int])
    seccomp_filters: bool = False
    container: str = ""

    @property
    def is_root(self) -> bool:
        """Whether this process runs as root."""
        return self.uid == 0

    @property
    def install_bwrap(self) -> str:
        """How this distribution installs bubblewrap."""
        for name in self.distribution:
            for known, command in _INSTALL.items():
                if name == known or name.startswith(f"{known}-"):
                    return command
        return "install the package bubblewrap"


def read_system() -> System:
    """Look around. Takes some ms, and raises nothing."""
    bwrap = shutil.which("bwrap")
    return System(
        platform=sys.platform,
        machine=platform.machine(),
        uid=os.geteuid() if hasattr(os, "geteuid") else -1,
        distribution=_read_distribution(),
        bwrap=bwrap,
        bwrap_version=_read_bwrap_version(bwrap) if bwrap else "",
        sysctls=dict(_read_sysctls()),
        seccomp_filters="Seccomp:\t2" in _read(Path("/proc/self/status")),
        container=_find_container(),
    )


def _read_distribution() -> tuple[str, ...]:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return ()
    return (release.get("ID", ""), *release.get("ID_LIKE", "").split())


def _read_bwrap_version(bwrap: str) -> str:
    try:
        done = subprocess.run(
            heeding_children([bwrap, "--version"]),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").removeprefix("bubblewrap").strip()


def _read_sysctls() -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for name in (USERNS_CLONE, MAX_USERNS, APPARMOR):
        text = _read(Path("/proc/sys", *name.split("."))).strip()
        if text.isdecimal():
            found.append((name, int(text)))
    return found


def _find_container() -> str:
    """The kind of container this is in, empty for none that shows."""
    for mark, kind in (("/.dockerenv", "Docker"), ("/run/.containerenv", "Podman")):
        if Path(mark).exists():
            return kind
    return "Kubernetes" if "KUBERNETES_SERVICE_HOST" in os.environ else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
