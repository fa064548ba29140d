"""Host process: drives one contestant, one way to run Predict or one code interpreter, as it is told line by line on stdin.

A line in is `{"act": name, "with": {…}}`; the line out is `{"value": …}` or `{"error": text}`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

from benchmarks import timing
from benchmarks.chores import Hang
from benchmarks.coders.acts import CODER_ACTS
from benchmarks.coders.kinds import make_coder
from benchmarks.contestant import Contestant
from benchmarks.peers.missing import MissingPackageError
from benchmarks.peers.roster import make_contestant, make_predictor
from benchmarks.predictor import Predictor, Task

__all__ = ["main"]

_CONTESTANT_ACTS: Final[dict[str, Callable[[Contestant, Mapping[str, Any]], Any]]] = {
    "cannot": lambda contestant, _: dict(contestant.cannot),
    "start": lambda contestant, _: timing.first_result(contestant),
    "close": lambda contestant, _: contestant.close(),
    "round_trips": lambda contestant, given: timing.round_trips(contestant, given["count"], given["size"]),
    "pipelined": lambda contestant, given: timing.pipelined_rate(contestant, given["count"], given["window"]),
    "kill_worker": lambda contestant, given: asdict(timing.kill_worker(contestant, Hang(given["how"]))),
    "outlive_deadline": lambda contestant, given: asdict(
        timing.outlive_deadline(contestant, Hang(given["how"]), given["timeout_s"])
    ),
    "begin_hanging": lambda contestant, given: asdict(timing.begin_hanging(contestant, Hang(given["how"]))),
}

_PREDICTOR_ACTS: Final[dict[str, Callable[[Predictor, Mapping[str, Any]], Any]]] = {
    "start": lambda predictor, _: predictor.start(),
    "close": lambda predictor, _: predictor.close(),
    "predict": lambda predictor, given: timing.predictions(predictor, Task(given["task"]), given["count"]),
    "crunch": lambda predictor, given: timing.crunch_rate(predictor, given["count"], given["rounds"]),
}

_ROLES: Final[
    dict[str, tuple[Callable[[str], Any], Mapping[str, Callable[[Any, Mapping[str, Any]], Any]]]]
] = {
    "contestant": (make_contestant, _CONTESTANT_ACTS),
    "predictor": (make_predictor, _PREDICTOR_ACTS),
    "coder": (make_coder, CODER_ACTS),
}


def main(role: str, name: str) -> int:
    """Serve acts until stdin ends. The exit is immediate: nothing a broken system left running may delay it."""
    orders = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever a contestant or its worker reads or prints must not touch the orders and answers.
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)

    def answer(reply: dict[str, Any]) -> None:
        answers.write(json.dumps(reply) + "\n")
        answers.flush()

    try:
        make, acts = _ROLES[role]
        actor = make(name)
    except MissingPackageError as error:
        answer({"error": str(error)})
        return 1
    answer({"value": actor.title})
    for line in orders:
        order = json.loads(line)
        try:
            reply = {"value": acts[order["act"]](actor, order["with"])}
        except Exception as error:  # noqa: BLE001 - the process boundary: the coordinator decides what a failure means
            reply = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
        answer(reply)
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1], sys.argv[2])
    sys.stderr.flush()
    os._exit(status)
