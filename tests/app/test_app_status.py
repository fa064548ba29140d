"""Status of an app: workers keep their places, whatever became of them."""

from __future__ import annotations

import os
import signal

import dspash
from tests.leaks import wait_until


def test_a_worker_that_was_replaced_keeps_its_place() -> None:
    with dspash.open(workers=2) as app:
        app.call("ping")
        first = app.status().workers[0]
        os.kill(first.pid, signal.SIGKILL)
        wait_until(lambda: app.status().restarts == 1 and len(app.status().workers) == 2, "a new generation")
        assert [worker.id for worker in app.status().workers] == ["worker-1", "worker-2"]
        assert app.status().workers[0].generation == 2
