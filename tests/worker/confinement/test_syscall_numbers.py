"""The tables of system calls are the kernel's own, and what the policies name is in them."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from dspash_worker.confinement.architecture import (
    AARCH64,
    ARCHITECTURES,
    X86_64,
    Architecture,
    this_architecture,
)
from dspash_worker.confinement.seccomp.inner import inner_policy
from dspash_worker.confinement.seccomp.outer import outer_policy
from dspash_worker.confinement.seccomp.policy import Policy

# What AArch64's <asm/unistd.h> defines before it includes the generic header.
AARCH64_WANTS = """
    RENAMEAT NEW_STAT SET_GET_RLIMIT TIME32_SYSCALLS SYS_CLONE3 MEMFD_SECRET
"""


def read_header(name: str, *defines: str) -> dict[str, int]:
    """The __NR_* that a header of the kernel defines, with the preprocessor's help."""
    preprocessor = shutil.which("cpp")
    if preprocessor is None:
        pytest.skip("a C preprocessor is missing (apt package cpp)")
    source = "".join(f"#define {define}\n" for define in defines) + f"#include <{name}>\n"
    result = subprocess.run(
        [preprocessor, "-dM"], input=source, capture_output=True, text=True, check=False, timeout=10
    )
    if result.returncode != 0:
        pytest.skip(f"the header {name} is missing (apt package linux-libc-dev)")
    macros = dict(re.findall(r"^#define (__NR\w+) (\w+)$", result.stdout, re.MULTILINE))

    def resolve(value: str) -> str:
        return resolve(macros[value]) if value in macros else value

    numbers = {name.removeprefix("__NR_"): resolve(value) for name, value in macros.items()}
    marks = {"syscalls", "arch_specific_syscall"}
    return {
        name: int(value)
        for name, value in numbers.items()
        if value.isdigit() and name not in marks and "__" not in name
    }


def test_x86_64_is_as_in_the_kernels_header() -> None:
    header = read_header("asm/unistd_64.h")
    if "rt_sigreturn" in header and header["rt_sigreturn"] != 15:
        pytest.skip("this machine's header is another architecture's")
    ours = dict(X86_64.numbers)
    assert {name: ours.get(name) for name in header} == header


def test_aarch64_is_as_in_the_kernels_header() -> None:
    wants = [f"__ARCH_WANT_{want}" for want in AARCH64_WANTS.split()]
    header = read_header("asm-generic/unistd.h", "__BITS_PER_LONG 64", *wants)
    ours = dict(AARCH64.numbers)
    assert {name: ours.get(name) for name in header} == header


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=lambda each: each.name)
def test_numbers_are_those_of_one_call_each(architecture: Architecture) -> None:
    assert len(set(architecture.numbers.values())) == len(architecture.numbers)


def test_new_calls_have_the_same_number_everywhere() -> None:
    assert {name: number for name, number in X86_64.numbers.items() if number >= 424} == {
        name: number for name, number in AARCH64.numbers.items() if number >= 424
    }


@pytest.mark.parametrize(
    "policy", [inner_policy(pid=1, own_mounts=True), outer_policy()], ids=["inner", "outer"]
)
def test_a_policy_names_no_call_that_does_not_exist(policy: Policy) -> None:
    known = X86_64.numbers.keys() | AARCH64.numbers.keys()
    assert policy.rules.keys() - known == set()


def test_another_machine_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere:
        machine = "s390x"

    this_architecture.cache_clear()
    monkeypatch.setattr("os.uname", Elsewhere)
    try:
        with pytest.raises(OSError, match="x86_64 and aarch64, not on s390x"):
            this_architecture()
    finally:
        this_architecture.cache_clear()
