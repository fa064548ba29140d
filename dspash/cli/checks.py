"""Checks: what a machine must have to run programs and keep their records, found by trying it."""

from __future__ import annotations

import platform
import re
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from typing import Final

from dspash.app import App
from dspash.app import open as open_app
from dspash.errors import ConfigurationError, DspashError, StoreError, SupervisorGaveUpError
from dspash.sandbox import Containment, ContainmentKind, Finding, Tier, find_containment, probe
from dspash.sandbox.cgroup import Absent, MemoryCgroups, find_memory_cgroups
from dspash.settings import load_settings

__all__ = [
    "Check",
    "Outcome",
    "check_containment",
    "check_database",
    "check_dspy",
    "check_extra",
    "check_memory",
    "check_python",
    "check_settings",
    "check_tier",
    "check_worker",
    "extras_of",
    "run_checks",
]

OLDEST_PYTHON: Final = (3, 11)
OLDEST_DSPY: Final = (3, 4)
NEWEST_DSPY: Final = (3, 5)
ROUND_TRIPS: Final = 50
TIMEOUT_S: Final = 60.0

_EXTRA: Final = re.compile(r"""(?P<package>[A-Za-z0-9._-]+).*;.*\bextra == ['"](?P<extra>[a-z0-9-]+)['"]""")
_FOR_DEVELOPERS: Final = frozenset({"dev", "bench"})


class Outcome(StrEnum):
    """What a check has found."""

    OK = "ok"
    WEAKER = "weaker"  # it works, with less protection
    ABSENT = "absent"  # not to be had here, and not needed
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, what was found, and the way out where it is not as it should be.

    `details` are further lines, for who has to find the cause.
    """

    name: str
    outcome: Outcome
    found: str
    way_out: str = ""
    details: str = ""

    def to_map(self) -> dict[str, str]:
        """Return it for JSON."""
        return {
            "name": self.name,
            "outcome": self.outcome,
            "found": self.found,
            "way_out": self.way_out,
            "details": self.details,
        }


def run_checks() -> Iterator[Check]:
    """Make every check, cheap ones first; the last starts a worker."""
    yield check_python(sys.version_info[:3])
    yield check_dspy(_version_of("dspy"))
    settings = check_settings()
    yield settings
    if settings.outcome is Outcome.OK:
        yield check_database(load_settings().values.database_url)
    for extra, packages in sorted(extras_of(metadata.requires("dspash") or []).items()):
        yield check_extra(extra, [package for package in packages if _version_of(package) is None])
    yield check_containment(find_containment(), platform.system())
    for tier in Tier:
        if tier.is_sandbox:
            yield check_tier(probe(tier))
    yield check_memory(find_memory_cgroups())
    yield check_worker()


def check_python(version: tuple[int, int, int]) -> Check:
    """Judge this interpreter, which is the workers' too."""
    found = f"{'.'.join(map(str, version))} ({sys.executable})"
    if version[:2] >= OLDEST_PYTHON:
        return Check("Python", Outcome.OK, found)
    return Check("Python", Outcome.FAILED, found, "use Python 3.11 or newer")


def check_dspy(version: str | None) -> Check:
    """Judge the installed DSPy, by its version: this process does not load it."""
    way_out = "pip install 'dspy>=3.4,<3.6'"
    if version is None:
        return Check("DSPy", Outcome.FAILED, "not installed", way_out)
    release = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if OLDEST_DSPY <= release <= NEWEST_DSPY:
        return Check("DSPy", Outcome.OK, version)
    return Check("DSPy", Outcome.FAILED, version, way_out)


def check_settings() -> Check:
    """Judge the settings that hold here."""
    try:
        loaded = load_settings()
    except ConfigurationError as error:
        return Check("settings", Outcome.FAILED, f"{error.path}: {error.problem}", error.way_out)
    return Check("settings", Outcome.OK, "defaults" if loaded.file is None else str(loaded.file))


def check_database(database: str | None) -> Check:
    """Judge the database; one that is not there yet is not made."""
    from dspash.store import Store

    try:
        with Store.connect(database) as store:
            path = store.address.path
            if path is not None and not path.exists():
                return Check("database", Outcome.OK, f"{store.address} is made when it is first used")
            status = store.status()
            found = f"{store.address}, revision {status.current or 'none'}"
            if status.pending and not store.is_sqlite:
                return Check(
                    "database", Outcome.FAILED, f"{found} of {status.newest}", "run dspash db upgrade"
                )
            return Check("database", Outcome.OK, found)
    except (ConfigurationError, StoreError) as error:
        return Check("database", Outcome.FAILED, str(error), "see dspash config for where it is named")


def extras_of(requirements: Sequence[str]) -> dict[str, list[str]]:
    """The packages of each extra that users may want, from the lines of a distribution's metadata."""
    found: dict[str, list[str]] = {}
    for line in requirements:
        if (matched := _EXTRA.match(line)) and matched["extra"] not in _FOR_DEVELOPERS:
            found.setdefault(matched["extra"], []).append(matched["package"])
    return found


def check_extra(extra: str, missing: Sequence[str]) -> Check:
    """Judge whether the packages of an extra are there."""
    if not missing:
        return Check(f"extra {extra}", Outcome.OK, "installed")
    found = f"not installed: {', '.join(missing)}"
    return Check(f"extra {extra}", Outcome.ABSENT, found, f"pip install 'dspash[{extra}]'")


def check_containment(containment: Containment, system: str) -> Check:
    """Judge what holds a worker's descendants together."""
    if containment.kind is ContainmentKind.PID_NAMESPACE:
        found = "bubblewrap: what a worker starts dies with it, and everything with its host"
        return Check("containment", Outcome.OK, found)
    found = f"process groups: a daemon that a worker starts can outlive it; {containment.reason}"
    if system != "Linux":
        way_out = "run on Linux to contain daemons, too"
    elif "not installed" in containment.reason:
        way_out = "install the package bubblewrap"
    else:
        way_out = "let this user, or this container, make user and PID namespaces"
    return Check("containment", Outcome.WEAKER, found, way_out)


def check_tier(finding: Finding) -> Check:
    """Judge one of the tiers that untrusted programs may run in; only the strict one is looked for without asking."""
    name = f"sandbox {finding.tier}"
    if finding.problem is None:
        return Check(name, Outcome.OK, finding.found)
    outcome = Outcome.WEAKER if finding.tier is Tier.STRICT else Outcome.ABSENT
    return Check(name, outcome, f"{finding.problem.probe}: {finding.problem.cause}", finding.problem.way_out)


def check_memory(cgroups: MemoryCgroups) -> Check:
    """Judge whether the kernel itself keeps sandboxed workers to their memory."""
    if isinstance(cgroups, Absent):
        found = f"limits of each process, and looks from outside: {cgroups.reason}"
        way_out = "have a cgroup delegated (systemd-run --user --scope -p Delegate=yes …) to have the kernel keep it"
        return Check("sandbox memory", Outcome.ABSENT, found, way_out)
    return Check("sandbox memory", Outcome.OK, cgroups.describe())


def check_worker(*, python: str = sys.executable) -> Check:
    """Start a worker, have it run a module on the offline model, and measure the round trip."""
    try:
        with open_app(python=python, boot_timeout_s=TIMEOUT_S, timeout_s=TIMEOUT_S) as app:
            opened_at = time.monotonic()
            app.module("predict", "question -> answer")(question="What is 2 + 3?")
            start_s = time.monotonic() - opened_at
            found = (
                f"ran a module {start_s:.1f} s after its start, round trip {_round_trip_s(app) * 1e6:.0f} µs"
            )
    except SupervisorGaveUpError as error:
        return Check(
            "worker",
            Outcome.FAILED,
            error.report.summary(),
            f"mend what the lines below name; pip install dspash for {python}, if it lacks it",
            error.report.render(),
        )
    except DspashError as error:
        return Check("worker", Outcome.FAILED, str(error), "try dspash demo --debug, which shows more")
    return Check("worker", Outcome.OK, found)


def _round_trip_s(app: App) -> float:
    """Return the median of some pings."""
    times_s: list[float] = []
    for _ in range(ROUND_TRIPS):
        asked_at = time.perf_counter()
        app.call("ping", {"payload": None})
        times_s.append(time.perf_counter() - asked_at)
    return statistics.median(times_s)


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
