"""A host with sandboxed calls that never end. Prints the pids of its workers once all are at it."""

from __future__ import annotations

import sys
import threading

import psutil

import dspash

SOURCE = """
import dspy

class Busy(dspy.Module):
    def forward(self):
        begun()
        while True:
            pass
"""


def main(count: int) -> None:
    """Begin the calls, and wait for whoever kills this process."""
    begun = threading.Semaphore(0)

    def say_begun() -> None:
        begun.release()

    say_begun.__name__ = "begun"
    app = dspash.open(timeout_s=600, sandboxes=count, spares=2, database=None)
    limits = dspash.Limits(cpu_s=300, wall_s=300)
    program = app.program("busy", source=SOURCE, tools={"begun": say_begun}, limits=limits)
    for _ in range(count):
        threading.Thread(target=app.run, args=(program, {}), daemon=True).start()
    for _ in range(count):
        begun.acquire(timeout=60)
    print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))
