"""Refusal: the faults with which bad arguments are turned away, each naming its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dspash_protocol import Fault, FaultError, FaultKind
from dspash_protocol.signature import Problem, SignatureError, closest, summary

__all__ = [
    "invalid",
    "invalid_inputs",
    "invalid_signature",
    "invalid_value",
    "pick",
    "unavailable",
    "unknown_key",
]


def invalid(path: str, problem: str, *, hint: str = "", **details: Any) -> FaultError:
    """Return the fault for an argument that does not fit, at `path`."""
    message = f"{path}: {problem}" + (f"; {hint}" if hint else "")
    return FaultError(Fault(FaultKind.INVALID_INPUT, message, details={"path": path, **details}))


def invalid_value(path: str, wanted: str, value: object) -> FaultError:
    """Return the fault for a value of the wrong kind."""
    return invalid(
        path, f"{wanted} is wanted, this is {'missing' if value is None else type(value).__name__}"
    )


def unknown_key(path: str, key: str, known: Iterable[str]) -> FaultError:
    """Return the fault for a key that means nothing here, with the one that was probably meant."""
    names = sorted(known)
    near = closest(key, names)
    hint = f"{near} " if near else ""
    return invalid(
        f"{path}.{key}", "unknown", hint=f"{hint}known are {', '.join(names) or 'none'}", known=names
    )


def invalid_inputs(problems: list[Problem]) -> FaultError:
    """Return the one fault for everything that is wrong with a set of inputs."""
    told = [{"path": problem.path, "message": problem.message} for problem in problems]
    details = {"path": problems[0].path, "problems": told}
    return FaultError(Fault(FaultKind.INVALID_INPUT, summary(problems), details=details))


def invalid_signature(error: SignatureError) -> FaultError:
    """Return the fault for a signature that cannot be read."""
    details: dict[str, Any] = {"path": error.path}
    if error.field is not None:
        details["field"] = error.field
    if error.position is not None:
        details["position"] = error.position
    return FaultError(Fault(FaultKind.INVALID_INPUT, str(error), type=type(error).__name__, details=details))


def unavailable(problem: str, *, hint: str = "", **details: Any) -> FaultError:
    """Return the fault for something that is not offered here."""
    message = problem + (f"; {hint}" if hint else "")
    return FaultError(Fault(FaultKind.UNAVAILABLE, message, details=details))


def pick(
    args: Mapping[str, Any], key: str, kind: type, wanted: str, *, path: str = "$", default: Any = None
) -> Any:
    """Return `args[key]`, which is of `kind` or left out. Raises FaultError for anything else."""
    value = args.get(key)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise invalid_value(f"{path}.{key}", wanted, value)
    return value
