"""A zygote whose forks are confined by nothing: the same imports, the same two forks, the same worker.

What a confined birth is compared with. Started as `python -P bare_zygote.py --control FD`.
"""

from __future__ import annotations

import os
import runpy
from typing import Any

from dspash_worker.stdio import Pipes, claim
from dspash_worker.zygote import brood, newborn


def fork_twice(self: brood.Brood, spawn: Any, channel: int, stderr: int) -> None:
    """Fork a go-between, which forks the worker; without layers, that enters no namespaces."""
    serve = getattr(self, "_serve_for")(spawn.plan)  # noqa: B009
    made = newborn.Newborn(spawn.plan, channel, stderr, serve, spawn.mark)
    getattr(self, "_fork_apart")(spawn.id, made)  # noqa: B009


def settle(made: newborn.Newborn) -> Pipes:
    """Take the channel. Its parent ends at once, so that it must not be tied to its parent's life."""
    os.dup2(made.channel, 0)
    os.dup2(made.channel, 1)
    return claim()


if __name__ == "__main__":
    # The product's zygote has no such kind: what differs is put into it from outside.
    setattr(brood.Brood, "_fork", fork_twice)  # noqa: B010
    setattr(newborn, "_settle_in_trust", settle)  # noqa: B010
    runpy.run_module("dspash_worker.zygote", run_name="__main__", alter_sys=True)
