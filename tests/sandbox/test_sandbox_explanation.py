"""Explanations: each thing that keeps a sandbox from being made is named, with the remedy on that system."""

from __future__ import annotations

import errno
from dataclasses import replace

import pytest

from dspash.sandbox.explanation import explain
from dspash.sandbox.finding import Failed, Passed, Problem, Trial, refuse_early
from dspash.sandbox.system import APPARMOR, MAX_USERNS, USERNS_CLONE, System
from dspash.sandbox.tier import Tier

UBUNTU = System("linux", "x86_64", 1000, ("ubuntu", "debian"), "/usr/bin/bwrap", "0.9.0")
ROOT = replace(UBUNTU, uid=0)
CONTAINER = replace(UBUNTU, seccomp_filters=True, container="Docker")
APPARMORED = replace(UBUNTU, sysctls={APPARMOR: 1, MAX_USERNS: 1000})
GOOD = Passed(7, seccomp=True, nested=None)

NO_NAMESPACE = Failed(
    "bwrap: No permissions to create new namespace, likely because the kernel does not allow ..."
)
UID_MAP = Failed("bwrap: setting up uid map: Permission denied")


@pytest.mark.parametrize("tier", [tier for tier in Tier if tier.is_sandbox])
def test_where_everything_is_there_nothing_is_wrong(tier: Tier) -> None:
    assert refuse_early(tier, UBUNTU) is None
    assert explain(tier, UBUNTU, GOOD) is None


@pytest.mark.parametrize(
    ("tier", "system", "probe", "way_out"),
    [
        (Tier.STRICT, replace(UBUNTU, platform="darwin"), "operating system", "run on Linux"),
        (Tier.LANDLOCK, replace(UBUNTU, platform="win32"), "operating system", "run on Linux"),
        (Tier.STRICT, replace(UBUNTU, machine="riscv64"), "processor", "aarch64"),
        (Tier.STRICT, replace(UBUNTU, bwrap=None), "bubblewrap", "apt install bubblewrap"),
        (
            Tier.SHARED_NAMESPACES,
            replace(UBUNTU, bwrap=None, distribution=("rocky", "rhel", "fedora")),
            "bubblewrap",
            "dnf install bubblewrap",
        ),
        (
            Tier.STRICT,
            replace(UBUNTU, bwrap=None, distribution=("opensuse-leap", "suse")),
            "bubblewrap",
            "zypper install bubblewrap",
        ),
        (
            Tier.STRICT,
            replace(UBUNTU, bwrap=None, distribution=()),
            "bubblewrap",
            "install the package bubblewrap",
        ),
        (Tier.LANDLOCK, ROOT, "user", "ordinary user"),
    ],
)
def test_what_is_known_beforehand_is_not_tried(tier: Tier, system: System, probe: str, way_out: str) -> None:
    problem = refuse_early(tier, system)

    assert problem is not None
    assert problem.probe == probe
    assert way_out in problem.way_out


def test_landlock_needs_no_bubblewrap() -> None:
    assert refuse_early(Tier.LANDLOCK, replace(UBUNTU, bwrap=None)) is None


@pytest.mark.parametrize(
    ("system", "trial", "probe", "cause", "way_out"),
    [
        (
            UBUNTU,
            Failed("bwrap: Unknown option --size"),
            "bubblewrap version",
            "0.9.0 is too old",
            "0.7 or newer",
        ),
        (
            ROOT,
            Failed(
                "dspash could not stage a sandbox: [Errno 1] unshare a mount namespace: Operation not permitted"
            ),
            "staging as root",
            "CAP_SYS_ADMIN",
            "--user 1000",
        ),
        (
            ROOT,
            Failed("dspash could not stage a sandbox: [Errno 22] Invalid argument"),
            "staging as root",
            "too few user ids",
            "/etc/subuid",
        ),
        (
            ROOT,
            Failed("dspash could not stage a sandbox: [Errno 2] No such file or directory: '/mnt'"),
            "staging as root",
            "/mnt",
            "ordinary user",
        ),
        (
            replace(UBUNTU, sysctls={MAX_USERNS: 0}),
            NO_NAMESPACE,
            "user namespaces",
            f"{MAX_USERNS}=0",
            f"sysctl -w {MAX_USERNS}=15000",
        ),
        (
            replace(UBUNTU, sysctls={USERNS_CLONE: 0, MAX_USERNS: 5000}),
            NO_NAMESPACE,
            "user namespaces",
            f"{USERNS_CLONE}=0",
            f"sysctl -w {USERNS_CLONE}=1",
        ),
        (APPARMORED, UID_MAP, "user namespaces", APPARMOR, "bwrap-userns-restrict"),
        (
            APPARMORED,
            Failed("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted"),
            "user namespaces",
            APPARMOR,
            f"sysctl -w {APPARMOR}=0",
        ),
        (CONTAINER, NO_NAMESPACE, "user namespaces", "this Docker container", "seccomp=unconfined"),
        (CONTAINER, NO_NAMESPACE, "user namespaces", "this Docker container", "sandbox='landlock'"),
        (
            CONTAINER,
            Failed("bwrap: Can't mount proc on /newroot/proc: Operation not permitted"),
            "mounting /proc",
            "masks /proc",
            "systempaths=unconfined",
        ),
        (UBUNTU, NO_NAMESPACE, "user namespaces", "the kernel refuses them", "CONFIG_USER_NS"),
        (UBUNTU, Failed("bwrap: something else"), "bubblewrap", "something else", "dspash doctor"),
        (UBUNTU, Failed(""), "bubblewrap", "without a word", "dspash doctor"),
        (
            UBUNTU,
            replace(GOOD, nested=("unshare namespaces", errno.ENOSPC)),
            "nested user namespace",
            "No space left",
            f"sysctl -w {MAX_USERNS}",
        ),
        (
            APPARMORED,
            replace(GOOD, nested=("map the user", errno.EPERM)),
            "nested user namespace",
            "AppArmor's profile for bwrap",
            "sandbox='shared-namespaces'",
        ),
        (
            CONTAINER,
            replace(GOOD, nested=("unshare namespaces", errno.EPERM)),
            "nested user namespace",
            "filters system calls",
            "sandbox='shared-namespaces'",
        ),
        (
            UBUNTU,
            replace(GOOD, nested=("cover /proc", errno.EPERM)),
            "nested user namespace",
            "cover /proc",
            "sandbox='shared-namespaces'",
        ),
        (UBUNTU, replace(GOOD, landlock=-errno.EOPNOTSUPP), "Landlock", "started without it", "lsm="),
        (UBUNTU, replace(GOOD, landlock=-errno.ENOSYS), "Landlock", "the kernel has none", "5.13"),
        (CONTAINER, replace(GOOD, landlock=-errno.ENOSYS), "Landlock", "this Docker container", "landlock_*"),
        (UBUNTU, replace(GOOD, seccomp=False), "seccomp", "no seccomp filters", "CONFIG_SECCOMP_FILTER"),
    ],
)
def test_each_cause_is_named_with_its_remedy(
    system: System, trial: Trial, probe: str, cause: str, way_out: str
) -> None:
    problem = explain(Tier.STRICT, system, trial)

    assert problem is not None
    assert problem.probe == probe
    assert cause in problem.cause
    assert way_out in problem.way_out


def test_only_the_strict_tier_needs_nested_namespaces() -> None:
    assert explain(Tier.SHARED_NAMESPACES, UBUNTU, replace(GOOD, nested=("unshare", errno.EPERM))) is None


def test_root_in_a_container_is_not_sent_to_a_tier_it_cannot_have() -> None:
    problem = explain(Tier.STRICT, replace(CONTAINER, uid=0), NO_NAMESPACE)

    assert isinstance(problem, Problem)
    assert "landlock" not in problem.way_out


@pytest.mark.parametrize("answer", [{}, {"landlock": 7}, {"landlock": None, "seccomp": True, "nested": None}])
def test_a_probe_that_answers_something_else_is_not_taken_for_one_that_passed(
    answer: dict[str, object],
) -> None:
    with pytest.raises((KeyError, TypeError)):
        Passed.from_answer(answer)
