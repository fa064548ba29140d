"""Newborn: a fork of the zygote on its way to being a worker."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from dspash_protocol.birth import ConfinementPlan, Layer
from dspash_worker.confinement import confine, enter_namespaces, kernel
from dspash_worker.confinement.landlock import Rules
from dspash_worker.exit import ExitCode, leave
from dspash_worker.stdio import Pipes, claim
from dspash_worker.zygote.lineage import die_with_parent_thread
from dspash_worker.zygote.mark import set_mark
from dspash_worker.zygote.nest import Nest
from dspash_worker.zygote.shedding import shed
from dspash_worker.zygote.trade import Serve

__all__ = ["Newborn", "become_worker"]

_STDIN, _STDOUT, _STDERR, _CHANNEL = 0, 1, 2, 3
_FIRST: Final = 1  # a pid
_PR_CAP_AMBIENT: Final = 47
_PR_CAP_AMBIENT_CLEAR_ALL: Final = 4


@dataclass(frozen=True, slots=True)
class Newborn:
    """What a worker is born with: how it is confined, its end of the channel, its stderr, what it does, and where."""

    plan: ConfinementPlan
    channel: int
    stderr: int
    serve: Serve
    mark: str = ""
    nest: Nest | None = None
    rules: Rules | None = None
    has_network: bool = False  # whether it is in an empty network namespace of its own

    @property
    def is_trusted(self) -> bool:
        """Whether it is only kept together, and not confined."""
        return self.plan.init or not self.plan.layers


def become_worker(newborn: Newborn) -> NoReturn:
    """Leave the zygote behind and serve the host until it says stop. For a fork; never returns."""
    try:
        os.dup2(newborn.stderr, _STDERR)  # first, so that whatever goes wrong is told in the right place
        _reseed()
        if newborn.is_trusted:
            pipes = _settle_in_trust(newborn)
        else:
            if Layer.NAMESPACES not in newborn.plan.layers:
                die_with_parent_thread()  # nobody hears the end of the channel while a call is served
            if os.getpid() == _FIRST:  # of its PID namespace; the others are still to be made
                enter_namespaces(newborn.plan, network=not newborn.has_network)
            confine(newborn.plan, channel=newborn.channel, stderr=newborn.stderr, rules=newborn.rules)
            pipes = Pipes(_CHANNEL, os.dup(_CHANNEL))  # one poller waits for each under a number of its own
        leave(newborn.serve(pipes))
    except BaseException:  # noqa: BLE001 - nothing may return into the zygote's loop
        _tell_defect()
        os._exit(ExitCode.CRASHED)


def _settle_in_trust(newborn: Newborn) -> Pipes:
    """Take the place of a worker that holds no secret and is not feared, only kept together."""
    # A group of its own, in the zygote's session: the scheduler would weigh a session like a whole host.
    os.setpgid(0, 0)
    die_with_parent_thread()
    if newborn.nest is not None:
        newborn.nest.enter_mounts()
        if os.getuid() != 0:  # the zygote has some, to move its forks between namespaces
            kernel.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
            kernel.drop_capabilities()
    os.dup2(newborn.channel, _STDIN)
    os.dup2(newborn.channel, _STDOUT)
    shed(keep=())
    if newborn.mark:
        set_mark(newborn.mark)
    return claim()


def _reseed() -> None:
    """Have NumPy's random numbers differ from those of other forks, as Python sees to that its own do."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _tell_defect() -> None:
    """Write the exception to stderr as it is now, not to the zygote's stream, which may hold what was to go there."""
    os.write(_STDERR, traceback.format_exc().encode(errors="backslashreplace"))
