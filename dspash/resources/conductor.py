"""Conductor: carries out a run: begins it, gives signs of life, and notes how it ended, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from uuid import UUID

from loguru import logger

from dspash.errors import CallCancelledError, ClosedError, DspashError
from dspash.resources.kernel import Context, Resource, Scene, new_id
from dspash.resources.owner import SIGN_OF_LIFE_S, Owner, has_lost_its_owner
from dspash.resources.runtime import cancel_job

if TYPE_CHECKING:
    from sqlalchemy import Table

    from dspash.resources.kernel.scene import StoredScene

__all__ = ["RUN_TRANSITIONS", "conduct", "interrupt_orphans"]

RUN_TRANSITIONS: Final = {
    ("pending", "begin"): "running",
    ("pending", "cancel"): "cancelled",
    ("running", "complete"): "completed",
    ("running", "fail"): "failed",
    ("running", "cancel"): "cancelled",
    ("running", "interrupt"): "interrupted",
    ("interrupted", "begin"): "running",
    ("interrupted", "cancel"): "cancelled",
}
"""What runs and evaluations go through."""

JOINING_S: Final = 5.0
"""How long the thread that gives signs of life is waited for; it only ever waits for the database."""

T = TypeVar("T")


def conduct(scene: Scene, resource: type[Resource], run_id: UUID, work: Callable[[], T]) -> T:
    """Do `work` as the run `run_id`, which becomes running, and then failed, cancelled or interrupted when it raises.

    Completing it is for the caller. Whatever `work` raises is raised. Raises TransitionError for a run that cannot begin.
    """
    runs = scene.of(resource)
    runs.begin(run_id, owner=Owner.here().to_map())
    try:
        with _signs_of_life(scene, resource, run_id):
            return work()
    except BaseException as error:
        _note_end(scene, resource, run_id, error)
        raise


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


def _note_end(scene: Scene, resource: type[Resource], run_id: UUID, error: BaseException) -> None:
    """Write how it ended; what prevents that is logged, as the error itself is what the caller is to hear of."""
    runs = scene.of(resource)
    try:
        if _status_of(runs.get(run_id)) != "running":
            return  # it was cancelled by its record
        match error:
            case CallCancelledError():
                runs.cancel(run_id)
            case ClosedError() | KeyboardInterrupt() | SystemExit() | GeneratorExit():
                runs.interrupt(run_id)
            case _:
                runs.fail(run_id, error=_text_of(error))
    except DspashError as second:
        logger.warning("{} {} ended, which could not be noted: {}", resource.__name__, run_id, second)


def _status_of(record: Any) -> str:
    return record.status


def _text_of(error: BaseException) -> str:
    text = str(error) if isinstance(error, DspashError) else f"{type(error).__name__}: {error}"
    return text.encode(errors="replace").decode().replace("\0", "�")[:10_000]


@contextmanager
def _signs_of_life(scene: Scene, resource: type[Resource], run_id: UUID) -> Generator[None]:
    over = threading.Event()
    stored = cast("StoredScene", scene)  # actions are given no other
    table = stored.domain.table(stored.domain.declaration(resource))
    thread = threading.Thread(
        target=_give_signs_of_life,
        args=(stored, table, run_id, over),
        name=f"dspash-run-{run_id}",
        daemon=True,
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(JOINING_S)


def _give_signs_of_life(scene: StoredScene, table: Table, run_id: UUID, over: threading.Event) -> None:
    """Note now and then that the run goes on, and end it when its record says that it does not.

    Written past the record's actions: it is no change of the run, and changes of it must not be lost to it.
    """
    from sqlalchemy import select, update

    own = table.c.id == run_id
    while not over.wait(SIGN_OF_LIFE_S):
        try:
            with scene.store.transaction() as connection:
                connection.execute(update(table).where(own).values(seen_at=scene.now()))
                status: Any = connection.execute(select(table.c.status).where(own)).scalar_one_or_none()
        except DspashError as error:
            logger.warning("no sign of life of run {} could be given: {}", run_id, error)
            continue
        if status != "running":
            cancel_job(scene, str(run_id), "its record says that it is cancelled")
