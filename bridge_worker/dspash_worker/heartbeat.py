"""Heartbeat: tells the host, from a thread of its own, that the process still gets to run."""

from __future__ import annotations

import itertools
import threading
import time

from dspash_protocol import LocalProtocolError, Notice, NoticeName
from dspash_worker.calls import Calls
from dspash_worker.channel import Channel

__all__ = ["Heartbeat"]


class Heartbeat:
    """A notice every so often: `{seq, rss, cpu_s, calls, oldest_s}`.

    It beats however busy calls are, unless native code holds the interpreter's lock: so silence means that the
    process does not run Python, and a stuck call shows in `oldest_s`, not in silence. While the host does not read,
    beats are left out, for they would tell it of the past.
    """

    def __init__(self, channel: Channel, calls: Calls, interval_s: float) -> None:
        self._channel = channel
        self._calls = calls
        self._interval_s = interval_s

    def start(self) -> None:
        """Start beating, first after one interval. The thread ends with the pipe or the process."""
        threading.Thread(target=self._beat, name="dspash-heartbeat", daemon=True).start()

    def _beat(self) -> None:
        from dspash_worker.process_usage import measure_process  # psutil is slow to import, hello comes first

        for seq in itertools.count():
            time.sleep(self._interval_s)
            usage = measure_process()
            beat = {
                "seq": seq,
                "rss": usage.rss,
                "cpu_s": usage.cpu_s,
                "calls": len(self._calls),
                "oldest_s": self._calls.oldest_s(),
            }
            try:
                self._channel.send_unless_waiting(Notice(NoticeName.HEARTBEAT, beat))
            except (ConnectionError, LocalProtocolError):
                return  # the pipe is gone, or the session over
