"""Heartbeat: tells the host, from the timers' thread, that the process still gets to run."""

from __future__ import annotations

import itertools

from dspash_protocol import LocalProtocolError, Notice, NoticeName
from dspash_worker.calls import Calls
from dspash_worker.channel import Channel
from dspash_worker.timers import Timers

__all__ = ["Heartbeat"]


class Heartbeat:
    """A notice every so often: `{seq, rss, cpu_s, calls, oldest_s}`.

    It beats however busy calls are, unless native code holds the interpreter's lock: so silence means that the
    process does not run Python, and a stuck call shows in `oldest_s`, not in silence. While the host does not read,
    beats are left out, for they would tell it of the past.
    """

    def __init__(self, channel: Channel, calls: Calls, timers: Timers, interval_s: float) -> None:
        self._channel = channel
        self._calls = calls
        self._timers = timers
        self._interval_s = interval_s
        self._seq = itertools.count()

    def start(self) -> None:
        """Start beating, first after one interval, until the pipe or the process ends."""
        self._timers.after(self._interval_s, self._beat)

    def _beat(self) -> None:
        from dspash_worker.process_usage import measure_process  # psutil is slow to import, hello comes first

        usage = measure_process()
        beat = {
            "seq": next(self._seq),
            "rss": usage.rss,
            "cpu_s": usage.cpu_s,
            "calls": len(self._calls),
            "oldest_s": self._calls.oldest_s(),
        }
        try:
            self._channel.send_unless_waiting(Notice(NoticeName.HEARTBEAT, beat))
        except (ConnectionError, LocalProtocolError):
            return  # the pipe is gone, or the session over
        self.start()
