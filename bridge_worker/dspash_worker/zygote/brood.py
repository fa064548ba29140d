"""Brood: the children of a zygote, from their fork to their end."""

from __future__ import annotations

import gc
import os
import resource
import secrets
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

from dspash_protocol.birth import Born, ConfinementPlan, Ended, Layer, Spawn, Stillborn
from dspash_worker.confinement import ConfinementError, enter_namespaces, open_rules
from dspash_worker.confinement.landlock import Rules
from dspash_worker.options import Options
from dspash_worker.zygote.control import Control
from dspash_worker.zygote.home import Home
from dspash_worker.zygote.nest import Nest, Nests
from dspash_worker.zygote.networks import Networks
from dspash_worker.zygote.newborn import Newborn, become_worker
from dspash_worker.zygote.shedding import shed
from dspash_worker.zygote.trade import Prepare, Serve, Terms

__all__ = ["Brood"]

_KIB: Final = 1024  # the unit of Linux's ru_maxrss
_MOST_RULES: Final = 8  # a zygote's workers may see the same paths, but in tests of the layers
_MOST_TERMS: Final = 8
_FIRST: Final = 1  # the number of the first process in a PID namespace
_TOLD: Final = 3  # exit status of a go-between that has said itself what went wrong

_Kind: TypeAlias = tuple[frozenset[Layer], tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Lodging:
    """What is to be ended or removed with a worker."""

    nest: Nest | None = None
    scratch: Path | None = None
    network: int | None = None
    leads_group: bool = False


@dataclass(slots=True)
class Brood:
    """Forks workers, and tells the host of their birth and of their end.

    A confined worker is forked as the first process of a PID namespace, and makes its other namespaces itself. Where the
    zygote has no right to that, a go-between enters all of them, forks the worker and ends once it has told the birth.
    """

    control: Control
    prepare: Prepare
    home: Home | None  # where it may fork children into other PID namespaces
    nests: Nests | None
    _lodgings: dict[int, _Lodging] = field(default_factory=dict[int, _Lodging], init=False)
    _go_betweens: dict[int, int] = field(default_factory=dict[int, int], init=False)  # with the Spawn's id
    _apart: int = field(default=0, init=False)  # workers alive whose go-betweens have ended

    _networks: Networks = field(default_factory=Networks, init=False)
    _rules: dict[_Kind, Rules | None] = field(default_factory=dict["_Kind", "Rules | None"], init=False)
    _serves: dict[Terms, Serve] = field(default_factory=dict["Terms", "Serve"], init=False)
    _had_go_betweens: bool = field(default=False, init=False)

    @property
    def is_empty(self) -> bool:
        """Whether no worker is alive."""
        return not (self._lodgings or self._go_betweens or self._apart > 0)

    def bear(self, spawn: Spawn, channel: int, stderr: int) -> None:
        """Fork a worker, and say what came of it. The descriptors are closed. Raises OSError when the host is gone."""
        try:
            self._fork(spawn, channel, stderr)
        except (OSError, ValueError, ConfinementError) as error:
            self.control.send(Stillborn(spawn.id, str(error)))
        finally:
            os.close(channel)
            os.close(stderr)

    def mourn(self, pid: int) -> None:
        """A child has ended and is still to be reaped, so that its number is its own."""
        lodging = self._lodgings.get(pid)
        if lodging is not None and lodging.leads_group:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    def bury(self, pid: int, status: int, usage: resource.struct_rusage) -> None:
        """A child has been reaped: end what it leaves behind and tell the host. Raises OSError when the host is gone."""
        ended = Ended(pid, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _KIB)
        if pid in self._lodgings:
            lodging = self._lodgings.pop(pid)
            if lodging.nest is not None:
                lodging.nest.end()
            if lodging.network is not None:
                self._networks.give_back(lodging.network)
            self.control.send(ended)
            if lodging.scratch is not None:
                _remove(lodging.scratch)
        elif pid in self._go_betweens:
            spawn_id = self._go_betweens.pop(pid)
            if status == 0:
                self._apart += 1
            elif os.waitstatus_to_exitcode(status) != _TOLD:
                how = os.waitstatus_to_exitcode(status)
                self.control.send(Stillborn(spawn_id, f"the process that was to fork it ended with {how}"))
        elif self.nests is not None and self.nests.lose(pid):
            return
        elif self._had_go_betweens:  # a worker of theirs: what these have started ends with their namespaces
            self._apart -= 1
            self.control.send(ended)

    # --- forking ---

    def _fork(self, spawn: Spawn, channel: int, stderr: int) -> None:
        plan = spawn.plan
        newborn = Newborn(plan, channel, stderr, self._serve_for(plan), spawn.mark)
        if newborn.is_trusted and plan.init:
            self._fork_in_nest(spawn.id, newborn)
        elif newborn.is_trusted:
            self._fork_here(spawn.id, newborn, _Lodging(leads_group=True))
        else:
            scratch = None
            if Layer.MOUNTS not in plan.layers:
                # It shares a folder with others. One in there is its own, under a name that they cannot guess: whether a
                # name exists is told to anybody.
                scratch = Path(plan.scratch).absolute() / f"w{secrets.token_hex(16)}"
                scratch.mkdir(mode=0o700)
                newborn = replace(newborn, plan=replace(plan, scratch=str(scratch)))
            newborn = replace(newborn, rules=self._rules_for(plan))
            if Layer.NAMESPACES not in plan.layers:
                self._fork_here(spawn.id, newborn, _Lodging(scratch=scratch))
            elif self.home is None:
                self._fork_apart(spawn.id, newborn)
            else:
                self._fork_outside(self.home, spawn.id, newborn, scratch)

    def _fork_outside(self, home: Home, spawn_id: int, newborn: Newborn, scratch: Path | None) -> None:
        lodging = _Lodging(scratch=scratch, network=(network := self._networks.enter()))
        try:
            with home.outside():
                self._fork_here(spawn_id, replace(newborn, has_network=True), lodging)
        except OSError:
            if lodging not in self._lodgings.values():  # else somebody lives there who could not be told of
                self._networks.give_back(network)
            raise

    def _serve_for(self, plan: ConfinementPlan) -> Serve:
        """How the worker serves, prepared once for all that serve on the same terms. Raises ValueError."""
        given = plan.options
        terms = Terms(
            Options(concurrency=given.concurrency, max_frame=given.max_frame),
            () if plan.init else tuple(layer for layer in Layer if layer in plan.layers),
            _FIRST if Layer.NAMESPACES in plan.layers and not plan.init else None,
            given.opening,
        )
        if terms not in self._serves:
            while len(self._serves) >= _MOST_TERMS:
                del self._serves[next(iter(self._serves))]
            self._serves[terms] = self.prepare(terms)
            gc.freeze()  # it is in every fork: a collector that touched it would copy it
        return self._serves[terms]

    def _rules_for(self, plan: ConfinementPlan) -> Rules | None:
        """What Landlock is to leave the worker; the paths are opened once for all that may see the same."""
        kind = (plan.layers, plan.readable, plan.devices)
        if kind not in self._rules:
            while len(self._rules) >= _MOST_RULES:
                oldest = self._rules.pop(next(iter(self._rules)))
                if oldest is not None:
                    oldest.close()
            self._rules[kind] = open_rules(plan)
        return self._rules[kind]

    def _fork_in_nest(self, spawn_id: int, newborn: Newborn) -> None:
        if self.nests is None:
            raise OSError("this zygote cannot make namespaces")
        nest = self.nests.take()
        try:
            with self.nests.inside(nest):
                self._fork_here(spawn_id, replace(newborn, nest=nest), _Lodging(nest))
        except OSError:
            nest.end()
            raise

    def _fork_here(self, spawn_id: int, newborn: Newborn, lodging: _Lodging) -> None:
        pid = os.fork()
        if pid == 0:
            become_worker(newborn)
        self._lodgings[pid] = lodging
        pidfd = os.pidfd_open(pid)  # not reaped before this returns, so the number is still its own
        try:
            nest = lodging.nest
            self.control.send(Born(spawn_id, pid), (pidfd,) if nest is None else (pidfd, nest.pidfd))
        finally:
            os.close(pidfd)

    def _fork_apart(self, spawn_id: int, newborn: Newborn) -> None:
        pid = os.fork()
        if pid == 0:
            _go_between(self.control, spawn_id, newborn)
        self._go_betweens[pid] = spawn_id
        self._had_go_betweens = True


def _go_between(control: Control, spawn_id: int, newborn: Newborn) -> NoReturn:
    """Enter namespaces, fork the worker as their first process, tell its birth, and leave it to the zygote."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        enter_namespaces(newborn.plan)
        pid = os.fork()
        if pid == 0:
            become_worker(newborn)
        control.send(Born(spawn_id, pid), [os.pidfd_open(pid)])
        status = 0
    except (OSError, ConfinementError) as error:
        control.send(Stillborn(spawn_id, str(error)))
        status = _TOLD
    finally:
        os._exit(status)


def _remove(folder: Path) -> None:
    """Remove what a worker has written, in a process of its own: it may be much."""
    if os.fork() == 0:
        try:
            shed(keep=())
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os._exit(0)
