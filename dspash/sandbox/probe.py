"""Probe: tries out whether this machine can make a sandbox, by making one."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Final

from dspash.errors import ConfigurationError, SandboxUnavailableError
from dspash.sandbox import system_probe
from dspash.sandbox.command import binds_of, command_for
from dspash.sandbox.containment import find_containment
from dspash.sandbox.explanation import explain
from dspash.sandbox.finding import Failed, Finding, Passed, Problem, Trial, refuse_early
from dspash.sandbox.reaping import run_reaped
from dspash.sandbox.spec import ZygoteSpec
from dspash.sandbox.system import System, read_system
from dspash.sandbox.tier import Tier

__all__ = ["probe", "require", "require_spec"]

TIMEOUT_S: Final = 20.0

_available: dict[ZygoteSpec, Finding] = {}
_probing: Final = threading.Lock()


def probe(tier: Tier, *, python: str = sys.executable) -> Finding:
    """Find out whether workers of `tier` can be started with this interpreter, by starting something simpler.

    Takes 50 to 100 ms; what was found to be there is remembered, what was not may be there the next time.
    """
    try:
        spec = ZygoteSpec.of(python=python, tier=tier)
    except ConfigurationError as error:
        return Finding(tier, problem=Problem("interpreter", error.problem, error.way_out))
    return _probe(spec)


def require(tier: Tier, *, python: str = sys.executable) -> Finding:
    """Like probe; raises SandboxUnavailableError, with cause and way out, when the tier cannot be had."""
    return _require(probe(tier, python=python))


def require_spec(spec: ZygoteSpec) -> Finding:
    """Like require, for a zygote's own interpreter."""
    return _require(_probe(replace(spec, mounts=(), environment=(), cwd=None)))


def _require(finding: Finding) -> Finding:
    if finding.problem is not None:
        raise SandboxUnavailableError(
            tier=finding.tier,
            probe=finding.problem.probe,
            cause=finding.problem.cause,
            way_out=finding.problem.way_out,
        )
    return finding


def _probe(spec: ZygoteSpec) -> Finding:
    if not spec.tier.is_sandbox:
        return Finding(spec.tier, find_containment().describe())
    with _probing:
        if spec not in _available:
            finding = _look(spec)
            if not finding.is_available:
                return finding
            _available[spec] = finding
        return _available[spec]


def _look(spec: ZygoteSpec) -> Finding:
    system = read_system()
    problem = refuse_early(spec.tier, system)
    if problem is not None:
        return Finding(spec.tier, problem=problem)
    try:
        trial = _try(spec)
    except ConfigurationError as error:
        return Finding(spec.tier, problem=Problem("interpreter", error.problem, error.way_out))
    problem = explain(spec.tier, system, trial)
    if problem is not None:
        return Finding(spec.tier, problem=problem)
    return Finding(spec.tier, _describe(spec, system, trial))


def _try(spec: ZygoteSpec) -> Trial:
    """Run the probe's program where a zygote of this spec would run. Raises ConfigurationError."""
    nest = ["--nest"] if spec.tier is Tier.STRICT else []
    with command_for(spec, ["-S", "-c", _program(), *nest]) as command:
        try:
            done = run_reaped(
                command.argv,
                timeout_s=TIMEOUT_S,
                environment=command.environment,
                cwd=command.cwd,
                pass_fds=command.pass_fds,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return Failed(str(error))
    try:
        return Passed.from_answer(json.loads(done.stdout))
    except (ValueError, KeyError, TypeError):
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return Failed(said[-1] if said else f"exit status {done.returncode}")


def _describe(spec: ZygoteSpec, system: System, trial: Trial) -> str:
    parts = [f"bubblewrap {system.bwrap_version}"] if spec.tier.is_wrapped else []
    if isinstance(trial, Passed):
        parts.append(f"Landlock ABI {trial.landlock}")
    left_out = binds_of(spec).left_out
    missing = f"; programs cannot import from {', '.join(left_out)}" if left_out else ""
    return ", ".join([*parts, "seccomp"]) + missing


@functools.cache
def _program() -> str:
    return Path(system_probe.__file__).read_text(encoding="utf-8")
