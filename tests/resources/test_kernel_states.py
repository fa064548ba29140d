"""State machines: which actions fit, where they lead, and what the diagram shows."""

from __future__ import annotations

import pytest

from dspash.errors import InvalidInputError, TransitionError
from dspash.resources.kernel import AuditEntry, StateMachine, StoredScene
from tests.resources.library import LIBRARY, Book, Loan

MACHINE = LIBRARY.declaration("Loan").states


def lend(scene: StoredScene) -> Loan:
    return scene.of(Loan).create(book_id=scene.of(Book).create(title="a").id)


def test_a_record_starts_in_the_initial_state_and_goes_where_its_actions_lead(library: StoredScene) -> None:
    loans = library.of(Loan)
    loan = lend(library)
    seen = [loan.status, loans.hand_out(loan).status]
    assert loans.remind(loan.id, word="Dear Ann") == "Dear Ann, it is out"
    seen += [loans.get(loan.id).status, loans.take_back(loan.id).status]
    assert seen == ["asked", "out", "late", "back"]
    assert [
        entry.changes["status"] for entry in library.of(AuditEntry).list(filter={"resource": "Loan"}).items
    ] == [
        [None, "asked"],
        ["asked", "out"],
        ["out", "late"],
        ["late", "back"],
    ]
    loans.destroy(loan.id)
    assert loans.count() == 0


@pytest.mark.parametrize(
    ("path", "action", "fitting"),
    [
        ([], "take_back", ("hand_out",)),
        ([], "destroy", ("hand_out",)),
        (["hand_out"], "hand_out", ("take_back", "remind")),
        (["hand_out", "take_back"], "remind", ("destroy",)),
    ],
)
def test_an_action_that_does_not_fit_names_those_that_do_and_writes_nothing(
    library: StoredScene, path: list[str], action: str, fitting: tuple[str, ...]
) -> None:
    loan = lend(library)
    for step in path:
        getattr(library.of(Loan), step)(loan.id)
    before = library.of(Loan).get(loan.id)
    arguments = {"word": "x"} if action == "remind" else {}
    with pytest.raises(TransitionError) as caught:
        getattr(library.of(Loan), action)(loan.id, **arguments)
    assert (caught.value.action, caught.value.fitting) == (action, fitting)
    assert library.of(Loan).get(loan.id) == before


def test_a_generic_action_that_fails_leaves_the_state(library: StoredScene) -> None:
    loan = library.of(Loan).hand_out(lend(library).id)
    with pytest.raises(OSError, match="strike"):
        library.of(Loan).remind(loan.id, word="x", fail=True)
    assert library.of(Loan).get(loan.id) == loan


def test_actions_that_no_transition_names_fit_every_state(library: StoredScene) -> None:
    loan = lend(library)
    assert library.of(Loan).look(loan.id) == "asked"
    assert library.of(Loan).get(loan.id).version == 1


def test_a_create_action_may_begin_in_another_state_but_not_in_none(library: StoredScene) -> None:
    book = library.of(Book).create(title="a")
    assert library.of(Loan).create(book_id=book.id, status="out").status == "out"
    with pytest.raises(InvalidInputError) as caught:
        library.of(Loan).create(book_id=book.id, status="stolen")
    assert caught.value.path == "$.status"


def test_arguments_are_looked_at_before_the_state(library: StoredScene) -> None:
    loan = lend(library)
    with pytest.raises(InvalidInputError):
        library.of(Loan).remind(loan.id, wrod="x")


def test_the_diagram_and_the_table_tell_the_same() -> None:
    assert isinstance(MACHINE, StateMachine)
    told = MACHINE.describe()
    assert told["states"] == ["asked", "out", "back", "late", "gone"]
    arrows = [line.strip() for line in told["diagram"].splitlines()[2:]]
    assert arrows == [f"{row['from']} --> {row['to']}: {row['action']}" for row in told["transitions"]]
