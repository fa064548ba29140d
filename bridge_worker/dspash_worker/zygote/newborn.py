"""Newborn: a fork of the zygote on its way to being a worker."""

from __future__ import annotations

import os
import random
import sys
import traceback
from dataclasses import dataclass
from typing import Any, NoReturn

from dspash_protocol.birth import ConfinementPlan
from dspash_worker.domain import Domain
from dspash_worker.exit import ExitCode, leave
from dspash_worker.options import Options
from dspash_worker.stdio import Pipes, claim
from dspash_worker.worker import run
from dspash_worker.zygote.mark import set_mark
from dspash_worker.zygote.nest import Nest
from dspash_worker.zygote.shedding import shed
from dspash_worker.zygote.system import die_with_parent_thread, drop_capabilities

__all__ = ["Newborn", "become_worker"]


@dataclass(frozen=True, slots=True)
class Newborn:
    """What a worker is born with: how it is confined, its end of the channel, its stderr, and where it lives."""

    plan: ConfinementPlan
    channel: int
    stderr: int
    domain: Domain
    mark: str = ""
    nest: Nest | None = None


def become_worker(newborn: Newborn) -> NoReturn:
    """Leave the zygote behind and serve the host until it says stop. For a fork; never returns."""
    try:
        os.dup2(newborn.stderr, 2)  # the first thing, so that whatever goes wrong is told in the right place
        pipes = _settle_in_trust(newborn)
        _reseed()
        options = Options(
            concurrency=newborn.plan.options.concurrency, max_frame=newborn.plan.options.max_frame
        )
        leave(run(pipes, options, lambda: newborn.domain))
    except BaseException:  # noqa: BLE001 - nothing may return into the zygote's loop
        traceback.print_exc()
        os._exit(ExitCode.CRASHED)


def _settle_in_trust(newborn: Newborn) -> Pipes:
    """Take the place of a worker that holds no secret and is not feared, only kept together."""
    os.setsid()
    die_with_parent_thread()
    if newborn.nest is not None:
        newborn.nest.enter_mounts()
        if os.getuid() != 0:
            drop_capabilities()  # the zygote's, for the sake of namespaces
    os.dup2(newborn.channel, 0)
    os.dup2(newborn.channel, 1)
    shed(keep=())
    if newborn.mark:
        set_mark(newborn.mark)
    return claim()


def _reseed() -> None:
    """Have random numbers differ from those of other forks."""
    random.seed()
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
