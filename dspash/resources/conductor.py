"""Conductor: carries out a run: begins it, keeps what it tells, and notes how it ended, whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from uuid import UUID

from loguru import logger

from dspash.errors import CallCancelledError, ClosedError, DspashError, LMCallError
from dspash.resources.content import ContentError, json_of
from dspash.resources.kernel import Context, Resource, Scene, new_id
from dspash.resources.observed import observed, observed_text
from dspash.resources.owner import SIGN_OF_LIFE_S, Owner, has_lost_its_owner
from dspash.resources.runtime import OnProgress, cancel_job

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dspash.resources.kernel.scene import StoredScene
    from dspash.store import Store

__all__ = ["await_ends", "conduct", "interrupt_orphans"]

TOLD_EVERY_S: Final = 1.0
"""How often progress is written; a candidate that was tried always is."""

JOINING_S: Final = 5.0
"""How long the thread that gives signs of life is waited for; it only ever waits for the database."""

T = TypeVar("T")


class _Conducted:
    """How many runs go on before each store. Thread-safe."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._changed = threading.Condition()

    @contextmanager
    def one_more(self, store: Store) -> Generator[None]:
        self._add(store, 1)
        try:
            yield
        finally:
            self._add(store, -1)

    def wait_for_none(self, store: Store, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: id(store) not in self._counts, timeout_s)

    def _add(self, store: Store, count: int) -> None:
        with self._changed:
            now = self._counts.pop(id(store), 0) + count
            if now:
                self._counts[id(store)] = now
            self._changed.notify_all()


_conducted = _Conducted()


def conduct(scene: Scene, resource: type[Resource], run_id: UUID, work: Callable[[OnProgress], T]) -> T:
    """Do `work` as the run `run_id`, which becomes running, and then failed, cancelled or interrupted when it raises.

    `work` is given a function that keeps what it is told of progress. Completing the run is for the caller. Whatever
    `work` raises is raised. Raises TransitionError for a run that cannot begin.
    """
    stored = cast("StoredScene", scene)  # actions are given no other
    table = stored.domain.table(stored.domain.declaration(resource))
    with _conducted.one_more(stored.store):
        scene.of(resource).begin(run_id, owner=Owner.here().to_map())
        try:
            with _signs_of_life(stored, table, run_id):
                return work(_Telling(stored, table, run_id))
        except BaseException as error:
            _note_end(scene, resource, run_id, error)
            raise


def await_ends(store: Store, timeout_s: float) -> bool:
    """Wait until no run goes on before `store`; whether that is so."""
    return _conducted.wait_for_none(store, timeout_s)


def interrupt_orphans(scene: StoredScene, resource: type[Resource]) -> int:
    """Have every run of any tenant that counts as running, and that nobody carries out, interrupted; return how many."""
    from sqlalchemy import select

    table = scene.domain.table(scene.domain.declaration(resource))
    columns = (table.c.id, table.c.tenant_id, table.c.owner, table.c.seen_at)
    with scene.reading() as connection:
        running = connection.execute(select(*columns).where(table.c.status == "running")).all()
    orphans = [
        row for row in running if has_lost_its_owner(Owner.of(row.owner or {}), row.seen_at, scene.now())
    ]
    for row in orphans:
        context = Context("dspash", row.tenant_id, str(new_id()))
        try:
            scene.acting_for(context).of(resource).interrupt(row.id)
        except DspashError as error:  # another process has opened the database, too, and was quicker
            logger.debug("{} {} was not interrupted: {}", resource.__name__, row.id, error)
    return len(orphans)


class _Telling:
    """Keeps what a run tells: the last of it, and every candidate that was tried.

    Written past the record's actions: it is no change of the run, and changes of that must not be lost to it. What
    cannot be written is logged: the run goes on.
    """

    def __init__(self, scene: StoredScene, table: Table, run_id: UUID) -> None:
        self._scene = scene
        self._table = table
        self._run_id = run_id
        self._trials: list[Any] = []
        self._not_before_s = 0.0

    def __call__(self, told: Mapping[str, Any]) -> None:
        # Without the states of those that led for a while: a run has hundreds, and writes all of them each time.
        kept = {name: value for name, value in told.items() if name != "state"}
        values = {"progress": observed(kept)}
        if told.get("kind") == "candidate" and "trials" in self._table.c:
            self._trials.append(values["progress"])
            values["trials"] = self._trials
            values |= self._best_of(told)
        elif time.monotonic() < self._not_before_s:
            return
        self._not_before_s = time.monotonic() + TOLD_EVERY_S
        try:
            _write(self._scene, self._table, self._run_id, values)
        except DspashError as error:
            logger.warning("the progress of run {} could not be kept: {}", self._run_id, error)

    def _best_of(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """What is kept of a candidate that is the best yet: should the run not end, that is its result."""
        state, score = told.get("state"), told.get("score")
        if not isinstance(state, dict) or not isinstance(score, float):
            return {}
        try:
            return {"best_program_state": json_of(state), "score": score}
        except ContentError as error:
            logger.warning("the best of run {} so far cannot be kept: {}", self._run_id, error)
            return {}


@contextmanager
def _signs_of_life(scene: StoredScene, table: Table, run_id: UUID) -> Generator[None]:
    over = threading.Event()
    thread = threading.Thread(
        target=_give_signs_of_life, args=(scene, table, run_id, over), name="dspash-run", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(JOINING_S)


def _give_signs_of_life(scene: StoredScene, table: Table, run_id: UUID, over: threading.Event) -> None:
    """Note now and then that the run goes on, and end it when its record says that it does not."""
    from sqlalchemy import select

    status = select(table.c.status).where(table.c.id == run_id)
    while not over.wait(SIGN_OF_LIFE_S):
        try:
            _write(scene, table, run_id, {"seen_at": scene.now()})
            with scene.store.read() as connection:
                found = connection.execute(status).scalar_one_or_none()
        except DspashError as error:
            logger.warning("no sign of life of run {} could be given: {}", run_id, error)
            continue
        if found != "running":
            cancel_job(scene, str(run_id), "its record says that it is cancelled")


def _write(scene: StoredScene, table: Table, run_id: UUID, values: Mapping[str, Any]) -> None:
    from sqlalchemy import update

    with scene.store.transaction() as connection:
        connection.execute(update(table).where(table.c.id == run_id).values(values))


def _note_end(scene: Scene, resource: type[Resource], run_id: UUID, error: BaseException) -> None:
    """Write how it ended; what prevents that is logged, as the error itself is what the caller is to hear of."""
    runs = scene.of(resource)
    try:
        record: Any = runs.get(run_id)
        if record.status != "running":
            return  # it was cancelled by its record
        match error:
            case CallCancelledError():
                runs.cancel(run_id)
            case ClosedError() | KeyboardInterrupt() | SystemExit() | GeneratorExit():
                runs.interrupt(run_id)
            case LMCallError(code="billing"):  # the budget is spent; with more of it the run goes on
                runs.interrupt(run_id, error=_text_of(error))
            case _:
                runs.fail(run_id, error=_text_of(error))
    except DspashError as second:
        logger.warning("{} {} ended, which could not be noted: {}", resource.__name__, run_id, second)


def _text_of(error: BaseException) -> str:
    text = str(error) if isinstance(error, DspashError) else f"{type(error).__name__}: {error}"
    return observed_text(text)[:10_000]
