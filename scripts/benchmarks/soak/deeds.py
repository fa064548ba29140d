"""Deeds: what sandboxed calls of the soak do, and what must become of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import dspash

__all__ = ["CHANNEL", "DEEDS", "Deed", "judge"]

CHANNEL: Final = 3
"""The descriptor of a confined worker's channel, which a program can write to as well as the worker itself."""

_FORGE: Final = """
import json, os, struct
def forge(message):
    payload = message if isinstance(message, bytes) else json.dumps(message).encode()
    os.write(3, struct.pack(">I", len(payload)) + payload)
"""


@dataclass(frozen=True, slots=True)
class Deed:
    """A program, how often it is drawn beside the others, and the name of its only outcome: an error's class, a limit's
    name, or `right`: the number it was given, doubled.
    """

    name: str
    code: str
    outcome: str
    weight: int = 1
    limits: dspash.Limits = field(default_factory=dspash.Limits)
    timeout_s: float | None = None
    takes_n: bool = False

    @property
    def program(self) -> str:
        """The id of its program."""
        return f"soak-{self.name}"


_SPIN: Final = "while True: pass"

DEEDS: Final = (
    Deed("double", "result = {'n': 2 * n}", "right", 40, takes_n=True),
    Deed("tool", "result = {'n': double(n=n)}", "right", 10, takes_n=True),
    Deed("model", "self.answer(question='Who?')\nresult = {'n': 2 * n}", "right", 10, takes_n=True),
    Deed("file", "open('out/n.txt', 'w').write(str(n))\nresult = {'n': 2 * n}", "right", 5, takes_n=True),
    Deed("raise", "raise ValueError(n)", "ProgramError", 5, takes_n=True),
    Deed("exit", "import os\nos._exit(3)", "WorkerLostError", 3),
    Deed(
        "crash",
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\nimport ctypes\nctypes.string_at(0)",
        "WorkerLostError",
        3,
    ),
    Deed("spin", _SPIN, "wall", 1, dspash.Limits(wall_s=0.3)),
    Deed("sleep", "import time\ntime.sleep(60)", "CallTimeoutError", 1, timeout_s=1.0),
    Deed("burn", _SPIN, "cpu", 1, dspash.Limits(cpu_s=0.3)),
    Deed(
        "bomb",
        "held = [bytearray(1 << 20) for _ in range(10_000)]",
        "memory",
        1,
        dspash.Limits(memory_mb=256),
    ),
    Deed(
        "fill",
        "import itertools\nfor number in itertools.count(): open(str(number), 'wb').write(bytes(1 << 20))",
        "scratch",
        1,
        dspash.Limits(scratch_mb=8),
    ),
    Deed("print", "while True: print('x' * 4096)", "output", 2),
    Deed("large", "result = {'text': 'x' * (2 << 20)}", "frame", 2),
    Deed("tools", "while True: double(n=1)", "tool_calls", 1, dspash.Limits(tool_calls=50)),
    Deed("events", f"{_FORGE}\nwhile True: forge({{'notice': 'log', 'data': {{}}}})", "frames", 2),
    Deed(
        "stranger",
        f"{_FORGE}\nforge({{'id': 10_000, 'result': 'forged'}})\nwhile True: pass",
        "WorkerLostError",
        2,
    ),
    Deed(
        "again",
        f"{_FORGE}\nfor _ in range(2): forge({{'id': 1, 'result': {{}}}})\nwhile True: pass",
        "WorkerLostError",
        2,
    ),
    Deed("noise", f"{_FORGE}\nos.write(3, b'this is no frame')\nwhile True: pass", "WorkerLostError", 2),
    Deed("nonsense", f"{_FORGE}\nforge(b'{{not json')\nwhile True: pass", "WorkerLostError", 2),
    Deed(
        "beyond",
        f"{_FORGE}\nforge({{'id': -9, 'command': 'tool.call', 'args': {{'call': 10_000, 'name': 'double'}}}})\nwhile True: pass",
        "WorkerLostError",
        2,
    ),
    Deed("hang up", "import os\nos.closerange(3, 256)\nwhile True: pass", "WorkerLostError", 2),
)


def judge(deed: Deed, given: int, outcome: Any) -> str | None:
    """What is wrong with the outcome of `deed`, a prediction or an error; None when it is as it must be."""
    if isinstance(outcome, dspash.Prediction):
        found = "right" if outcome.to_dict() == {"n": 2 * given} else f"a wrong answer, {outcome!r:.100}"
        if deed.name == "file" and outcome.files != {"n.txt": str(given).encode()}:
            found = f"other files, {sorted(outcome.files)}"
    elif isinstance(outcome, dspash.LimitExceededError):
        found = outcome.limit
    else:
        found = type(outcome).__name__
    return (
        None
        if found == deed.outcome
        else f"{deed.name}: {found} instead of {deed.outcome} ({outcome!r:.300})"
    )
