"""Worker: puts the parts of the process together and runs them until the pipe or the host says stop."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection
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

__all__ = ["run"]

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


def run(
    pipes: Pipes, options: Options, domain: Domain | Callable[[], Domain], *, layers: Collection[str] = ()
) -> ExitCode:
    """Serve the host on `pipes` with `domain`, or what that imports, and return why that ended.

    `layers` are those this process is confined by, which the host is told. Call it in the main thread, which becomes the
    one that reads. Threads may still be running when it returns: only `exit.leave` should follow.
    """
    install_hooks()
    keep_large_blocks()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    signal.signal(signal.SIGINT, _leave_to_host)
    session = Session(Role.WORKER, max_frame=options.max_frame)
    # One that is confined serves one call, or one now and then: it need not look for the next.
    channel = Channel(pipes, session, write_deadline_s=options.write_deadline_s, expects_requests=not layers)
    os.register_at_fork(after_in_child=channel.disown)
    asks = ReverseRequests(channel)
    timers = Timers()
    calls = Calls(channel=channel, asks=asks, timers=timers, concurrency=options.concurrency)
    stats = Stats(channel, calls, asks)
    failures: list[BaseException] = []

    def begin(domain: Domain, workbench: Workbench, import_s: float) -> None:
        if session.is_full:
            told = {"pid": os.getpid(), "import_ms": round(import_s * 1000), "layers": list(layers)}
            notice = Notice(NoticeName.READY, told)
            with suppress(ConnectionError):  # the host did not wait, and the process is about to end
                channel.send(notice)
        calls.begin(stats.added_to(domain), workbench)

    def give_up(error: BaseException) -> None:
        # Only the kind of error: its text may hold paths of this machine. stderr has all of it.
        message = f"this worker could not load DSPy ({type(error).__name__}); its stderr says why"
        calls.refuse_all(Fault(FaultKind.INTERNAL, message, type(error).__name__))
        failures.append(error)
        channel.stop()

    owner: Owner = (
        Present(domain, on_loaded=begin, on_failed=give_up)
        if isinstance(domain, Domain)
        else Importer(domain, on_loaded=begin, on_failed=give_up)
    )

    def set_mode(greeting: Greeting | None) -> None:
        owner.choose_mode(full=greeting is not None)
        if greeting is not None and greeting.heartbeat_s > 0:
            Heartbeat(channel, calls, timers, greeting.heartbeat_s).start()

    dispatcher = Dispatcher(
        session, channel, calls=calls, asks=asks, max_frame=options.max_frame, on_mode=set_mode
    )
    owner.start()
    ending = channel.run(dispatcher.receive)
    asks.close()
    return ExitCode.LOAD_FAILED if failures and ending is Ending.STOPPED else _EXIT_CODES[ending]


def _leave_to_host(_signal: int, _frame: FrameType | None) -> None:
    """Ignore Ctrl-C: it goes to every process of the terminal, and the host is the one to decide what it means.

    A handler and not SIG_IGN, which programs that user code starts would inherit.
    """
