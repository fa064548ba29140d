"""Command line: `scripts/bench bridge`, `scripts/bench evaluation`, `scripts/bench faults`, `scripts/bench fuzz`,
`scripts/bench gateway`, `scripts/bench interpreter`, `scripts/bench kills`, `scripts/bench sandbox`, `scripts/bench soak`,
`scripts/bench traces`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.bridge_run import run_bridge
from benchmarks.coders import run_coders
from benchmarks.coders.kinds import CODERS
from benchmarks.evaluating import EvaluationAmounts
from benchmarks.evaluation_run import run_evaluation
from benchmarks.faults_run import run_faults
from benchmarks.fuzz import Campaign
from benchmarks.fuzz_run import run_fuzz
from benchmarks.gateway import FULL_CALLS, QUICK_CALLS
from benchmarks.gateway_run import run_gateway
from benchmarks.isolation import FULL_AMOUNTS, QUICK_AMOUNTS
from benchmarks.kills_run import run_kills_and_judge
from benchmarks.measures.catalogue import MEASURES
from benchmarks.peers.roster import CONTESTANTS
from benchmarks.sandbox_run import run_sandbox
from benchmarks.scale import FULL, QUICK
from benchmarks.soak import Soak
from benchmarks.soak_run import run_soak_and_judge
from benchmarks.storm import Plan
from benchmarks.traces_run import run_traces
from benchmarks.tracing import FULL_TRACES, QUICK_TRACES

__all__ = ["main"]

_FILE_WIDTH: Final = 160  # of tables that go into a file or a pipe
_STEPS: Final = 10_000
_QUICK_STEPS: Final = 300
_FRAMES: Final = 1_000_000
_QUICK_FRAMES: Final = 10_000
_CALLS: Final = 5_000
_QUICK_CALLS: Final = 200
_ROUNDS: Final = 6
_QUICK_ROUNDS: Final = 1
_HOSTS: Final = 100
_QUICK_HOSTS: Final = 2
_LEAK_CALLS: Final = 20_000
_LEAK_RESTARTS: Final = 200
_EVALUATIONS: Final = EvaluationAmounts(examples=96, rounds=5)
_QUICK_EVALUATIONS: Final = EvaluationAmounts(examples=16, rounds=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; the exit status says whether its bars were met."""
    given = _parser().parse_args(arguments)
    return given.run(given)


def _bridge(given: argparse.Namespace) -> int:
    run = run_bridge(
        console=Console(stderr=True),
        scale=QUICK if given.quick else FULL,
        measures=given.only or list(MEASURES),
        peers=given.peers or list(CONTESTANTS),
    )
    run.print(_console())
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _evaluation(given: argparse.Namespace) -> int:
    amounts = _QUICK_EVALUATIONS if given.quick else _EVALUATIONS
    run = run_evaluation(console=Console(stderr=True), amounts=amounts)
    run.print(_console())
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _faults(given: argparse.Namespace) -> int:
    steps = given.steps or (_QUICK_STEPS if given.quick else _STEPS)
    share = 20 if given.quick else 1
    run = run_faults(
        console=Console(stderr=True),
        plan=Plan(seed=given.seed, steps=steps),
        calls=_LEAK_CALLS // share,
        restarts=_LEAK_RESTARTS // share,
    )
    run.print(_console())
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _fuzz(given: argparse.Namespace) -> int:
    frames = given.frames or (_QUICK_FRAMES if given.quick else _FRAMES)
    run = run_fuzz(
        console=Console(stderr=True), campaign=Campaign(seed=given.seed, frames=frames, only=given.only)
    )
    run.print(_console())
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _gateway(given: argparse.Namespace) -> int:
    run = run_gateway(console=Console(stderr=True), amounts=QUICK_CALLS if given.quick else FULL_CALLS)
    run.print(_console())
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _interpreter(given: argparse.Namespace) -> int:
    run = run_coders(
        console=Console(stderr=True),
        rounds=_QUICK_ROUNDS if given.quick else _ROUNDS,
        share=10 if given.quick else 1,
        names=given.peers or list(CODERS),
    )
    run.print(_console())
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _kills(given: argparse.Namespace) -> int:
    run = run_kills_and_judge(
        console=Console(stderr=True),
        hosts=given.hosts or (_QUICK_HOSTS if given.quick else _HOSTS),
        seed=given.seed,
        database=given.database,
    )
    run.print(_console())
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _sandbox(given: argparse.Namespace) -> int:
    run = run_sandbox(console=Console(stderr=True), amounts=QUICK_AMOUNTS if given.quick else FULL_AMOUNTS)
    run.print(_console())
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _soak(given: argparse.Namespace) -> int:
    calls = given.calls or (_QUICK_CALLS if given.quick else _CALLS)
    run = run_soak_and_judge(
        console=Console(stderr=True), soak=Soak(seed=given.seed, calls=calls, tier=given.tier)
    )
    run.print(_console())
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _traces(given: argparse.Namespace) -> int:
    run = run_traces(console=Console(stderr=True), amounts=QUICK_TRACES if given.quick else FULL_TRACES)
    run.print(_console())
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _console() -> Console:
    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console


def _write_json(path: Path | None, report: object) -> None:
    if path is not None:
        path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the bridge.")
    commands = parser.add_subparsers(
        required=True, metavar="bridge|evaluation|faults|fuzz|gateway|interpreter|kills|sandbox|soak|traces"
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", type=Path, metavar="FILE", help="write everything measured to FILE")
    shared.add_argument("--quick", action="store_true", help="show that it runs; too few samples to quote")

    bridge = commands.add_parser(
        "bridge", parents=[shared], help="speed and recovery beside other process pools"
    )
    bridge.add_argument("--only", nargs="+", choices=MEASURES, metavar="NAME", help=", ".join(MEASURES))
    bridge.add_argument(
        "--peers", nargs="+", choices=CONTESTANTS, metavar="NAME", help=", ".join(CONTESTANTS)
    )
    bridge.set_defaults(run=_bridge)

    evaluation = commands.add_parser(
        "evaluation", parents=[shared], help="a program that computes, beside dspy.Evaluate"
    )
    evaluation.set_defaults(run=_evaluation)

    faults = commands.add_parser(
        "faults", parents=[shared], help="a storm of faults, then many calls and restarts"
    )
    faults.add_argument(
        "--seed", type=int, default=1, help="of the storm: the same seed draws the same steps (1)"
    )
    faults.add_argument("--steps", type=int, help=f"of the storm ({_STEPS})")
    faults.set_defaults(run=_faults)

    fuzz = commands.add_parser("fuzz", parents=[shared], help="hostile frames against the host's reader")
    fuzz.add_argument("--seed", type=int, default=1, help="the same seed draws the same frames (1)")
    fuzz.add_argument("--frames", type=int, help=f"to be read ({_FRAMES})")
    fuzz.add_argument("--only", type=int, metavar="TRIAL", help="run this trial of the seed alone")
    fuzz.set_defaults(run=_fuzz)

    gateway = commands.add_parser(
        "gateway", parents=[shared], help="what LM calls cost beside bare httpx, LiteLLM and DSPy's cache"
    )
    gateway.set_defaults(run=_gateway)

    interpreter = commands.add_parser(
        "interpreter", parents=[shared], help="code interpreters beside DSPy's own and others"
    )
    interpreter.add_argument("--peers", nargs="+", choices=CODERS, metavar="NAME", help=", ".join(CODERS))
    interpreter.set_defaults(run=_interpreter)

    kills = commands.add_parser(
        "kills", parents=[shared], help="hosts killed while they execute, and what is left of what they did"
    )
    kills.add_argument("--seed", type=int, default=1, help="draws the moments of the kills (1)")
    kills.add_argument("--hosts", type=int, help=f"to be killed, one after the other ({_HOSTS})")
    kills.add_argument("--database", metavar="URL", help="a path or URL, in place of a new file")
    kills.set_defaults(run=_kills)

    sandbox = commands.add_parser(
        "sandbox", parents=[shared], help="what isolation costs: births, calls, memory, ends"
    )
    sandbox.set_defaults(run=_sandbox)

    soak = commands.add_parser("soak", parents=[shared], help="sandboxed calls, many of which do their worst")
    soak.add_argument("--seed", type=int, default=1, help="the same seed draws the same calls (1)")
    soak.add_argument("--calls", type=int, help=f"to be made ({_CALLS})")
    soak.add_argument("--tier", default="strict", help="of the sandbox (strict)")
    soak.set_defaults(run=_soak)

    traces = commands.add_parser(
        "traces", parents=[shared], help="what traces cost: on a call's path, to write, to find again"
    )
    traces.set_defaults(run=_traces)
    return parser
