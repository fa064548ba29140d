"""Worker: puts the parts of the process together and runs them until the pipe or the host says stop."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from types import FrameType
from typing import Final

from dspash_protocol import Fault, FaultKind, Notice, NoticeName, Role, Session
from dspash_worker.allocation import keep_large_blocks
from dspash_worker.calls import Calls
from dspash_worker.channel import Channel, Ending
from dspash_worker.dispatcher import Dispatcher
from dspash_worker.domain import Domain, Workbench
from dspash_worker.exit import ExitCode
from dspash_worker.greeting import Greeting
from dspash_worker.heartbeat import Heartbeat
from dspash_worker.log import install_hooks
from dspash_worker.options import Options
from dspash_worker.owner import Importer, Owner, Present
from dspash_worker.reverse import ReverseRequests
from dspash_worker.stats import Stats
from dspash_worker.stdio import Pipes
from dspash_worker.timers import Timers

__all__ = ["Worker", "run", "set_up_process"]

_EXIT_CODES: Final = {
    Ending.EOF: ExitCode.DONE,
    Ending.STOPPED: ExitCode.DONE,
    Ending.BROKEN: ExitCode.BROKEN_PIPE,
    Ending.STALLED: ExitCode.STALLED,
}

SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread keeps the interpreter while others want it; Python's own 5 ms are ten times that.

With seven calls spinning, a ping took 56 ms at Python's and 7 ms at ours, a cancel 145 and 37 ms at worst; threads that
compute lose about 3 % to the switching.
"""


def run(pipes: Pipes, options: Options, domain: Domain | Callable[[], Domain]) -> ExitCode:
    """Serve the host on `pipes` with `domain`, or what that imports, and return why that ended; see Worker.serve."""
    set_up_process()
    return Worker(options, domain).serve(pipes)


def set_up_process() -> None:
    """Have this process, and those it forks, be as a worker wants it. Once."""
    install_hooks()
    keep_large_blocks()
    sys.setswitchinterval(SWITCH_INTERVAL_S)


class Worker:
    """The parts of a worker, put together.

    They may be so before there is a process for them, and even have heard what the host says first: a fork finds that
    done. What they say waits for the pipes.
    """

    def __init__(
        self,
        options: Options,
        domain: Domain | Callable[[], Domain],
        *,
        layers: Collection[str] = (),
        pid: int | None = None,
    ) -> None:
        """`layers` are those that its process will be confined by, which the host is told; `pid` is that of this process,
        unless that is another by then.
        """
        self._layers = tuple(layers)
        self._pid = pid
        self._session = Session(Role.WORKER, max_frame=options.max_frame)
        # One that is confined serves one call, or one now and then: it need not look for the next.
        self._channel = Channel(
            None, self._session, write_deadline_s=options.write_deadline_s, expects_requests=not self._layers
        )
        self._asks = ReverseRequests(self._channel)
        self._timers = Timers()
        self._calls = Calls(
            channel=self._channel,
            asks=self._asks,
            timers=self._timers,
            concurrency=options.concurrency,
            on_own_thread=bool(self._layers) and options.concurrency == 1,
        )
        self._stats = Stats(self._channel, self._calls, self._asks)
        self._failures: list[BaseException] = []
        self._heartbeat_s = 0.0
        self._owner: Owner = (
            Present(domain, on_loaded=self._begin, on_failed=self._give_up)
            if isinstance(domain, Domain)
            else Importer(domain, on_loaded=self._begin, on_failed=self._give_up)
        )
        self._dispatcher = Dispatcher(
            self._session,
            self._channel,
            calls=self._calls,
            asks=self._asks,
            max_frame=options.max_frame,
            pid=self._pid,
            on_mode=self._set_mode,
        )

    @property
    def starts_no_thread(self) -> bool:
        """Whether it serves on the thread that reads, so that it may `hear` in a process that is to fork."""
        return self._calls.own_thread is not None

    def hear(self, opening: Iterable[bytes]) -> None:
        """Take in the frames with which the host opens the session. The answers wait for the pipes."""
        for frame in opening:
            for message in self._session.receive(frame):
                self._dispatcher.receive(message)
            if self._calls.own_thread is not None:
                self._calls.own_thread.serve_waiting()

    def serve(self, pipes: Pipes) -> ExitCode:
        """Serve the host on `pipes`, and return why that ended.

        Call it in the main thread, which becomes the one that reads. Threads may still be running when it returns: only
        `exit.leave` should follow.
        """
        signal.signal(signal.SIGINT, _leave_to_host)
        with suppress(ConnectionError):  # its reading end tells, too
            self._channel.open(pipes)
        os.register_at_fork(after_in_child=self._channel.disown)
        self._stats.begin()
        self._start_heartbeat()
        self._owner.start()
        ending = self._channel.run(self._dispatcher.receive, self._calls.own_thread)
        self._asks.close()
        has_failed = bool(self._failures) and ending is Ending.STOPPED
        return ExitCode.LOAD_FAILED if has_failed else _EXIT_CODES[ending]

    def _begin(self, domain: Domain, workbench: Workbench, import_s: float) -> None:
        if self._session.is_full:
            told = {
                "pid": self._pid or os.getpid(),
                "import_ms": round(import_s * 1000),
                "layers": list(self._layers),
            }
            notice = Notice(NoticeName.READY, told)
            with suppress(ConnectionError):  # the host did not wait, and the process is about to end
                self._channel.send(notice)
        self._calls.begin(self._stats.added_to(domain), workbench)

    def _give_up(self, error: BaseException) -> None:
        # Only the kind of error: its text may hold paths of this machine. stderr has all of it.
        message = f"this worker could not load DSPy ({type(error).__name__}); its stderr says why"
        self._calls.refuse_all(Fault(FaultKind.INTERNAL, message, type(error).__name__))
        self._failures.append(error)
        self._channel.stop()

    def _set_mode(self, greeting: Greeting | None) -> None:
        self._owner.choose_mode(full=greeting is not None)
        self._heartbeat_s = 0.0 if greeting is None else greeting.heartbeat_s
        if self._channel.is_open:
            self._start_heartbeat()

    def _start_heartbeat(self) -> None:
        """It takes a thread, which no fork would have of what it was before."""
        if self._heartbeat_s > 0:
            Heartbeat(self._channel, self._calls, self._timers, self._heartbeat_s).start()


def _leave_to_host(_signal: int, _frame: FrameType | None) -> None:
    """Ignore Ctrl-C: it goes to every process of the terminal, and the host is the one to decide what it means.

    A handler and not SIG_IGN, which programs that user code starts would inherit.
    """
