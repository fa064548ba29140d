"""libseccomp: compiles our rules with another's compiler, for comparison."""

from __future__ import annotations

import ctypes
import itertools
import os
import tempfile
from typing import Any

from dspash_worker.confinement.seccomp.policy import KILL_PROCESS, Action, Check, Rule

__all__ = ["LIBRARY", "compile_rule"]

ACT_BADARCH = 2
CMP_MASKED_EQ = 7


class ArgCmp(ctypes.Structure):
    """struct scmp_arg_cmp."""

    _fields_ = (
        ("arg", ctypes.c_uint),
        ("op", ctypes.c_int),
        ("datum_a", ctypes.c_uint64),
        ("datum_b", ctypes.c_uint64),
    )


def _load() -> Any:
    try:
        library: Any = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    return library


LIBRARY = _load()


def compile_rule(number: int, rule: Rule) -> bytes:
    """Return the program that libseccomp makes of one call's rule, for the architecture that this is run on."""
    context = ctypes.c_void_p(LIBRARY.seccomp_init(ctypes.c_uint32(rule.otherwise.value)))
    try:
        _check(LIBRARY.seccomp_attr_set(context, ACT_BADARCH, ctypes.c_uint32(KILL_PROCESS.value)))
        for case in rule.cases:
            # It knows no lists of values: one rule for each combination.
            values = [[(check, value) for value in check.values] for check in case.checks]
            for combination in itertools.product(*values):
                _add(context, number, case.action, combination)
        with tempfile.TemporaryFile() as file:
            _check(LIBRARY.seccomp_export_bpf(context, file.fileno()))
            return os.pread(file.fileno(), 1 << 20, 0)
    finally:
        LIBRARY.seccomp_release(context)


def _add(
    context: ctypes.c_void_p, number: int, action: Action, combination: tuple[tuple[Check, int], ...]
) -> None:
    arguments = (ArgCmp * len(combination))(
        *(ArgCmp(check.argument, CMP_MASKED_EQ, check.mask, value) for check, value in combination)
    )
    value = ctypes.c_uint32(action.value)
    _check(LIBRARY.seccomp_rule_add_exact_array(context, value, number, len(combination), arguments))


def _check(result: int) -> None:
    if result < 0:
        raise OSError(-result, os.strerror(-result))
