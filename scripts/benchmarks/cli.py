"""Command line: `scripts/bench bridge` and `scripts/bench faults`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.bridge_run import run_bridge
from benchmarks.measures.catalogue import MEASURES
from benchmarks.peers.roster import CONTESTANTS
from benchmarks.scale import FULL, QUICK

__all__ = ["main"]

_FILE_WIDTH = 160  # of tables that go into a file or a pipe


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark; the exit status says whether its bars were met."""
    given = _parser().parse_args(arguments)
    return given.run(given)


def _bridge(given: argparse.Namespace) -> int:
    console = Console()
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    run = run_bridge(
        console=Console(stderr=True),
        scale=QUICK if given.quick else FULL,
        measures=given.only or list(MEASURES),
        peers=given.peers or list(CONTESTANTS),
    )
    run.print(console)
    _write_json(given.json, run.to_map())
    return 0 if run.bars_met else 1


def _write_json(path: Path | None, report: object) -> None:
    if path is not None:
        path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure the bridge.")
    commands = parser.add_subparsers(required=True, metavar="bridge|faults")
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
    return parser
