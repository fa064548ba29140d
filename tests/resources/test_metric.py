"""A metric is kept under a name with what it is made of, and becomes what workers take."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import JsonValue

from dspash.errors import InvalidInputError
from dspash.resources import DOMAIN
from dspash.resources.kernel import Context, StoredScene
from dspash.resources.metric import BUILT_IN_METRICS, Metric, MetricType, resolve_metric
from dspash.store import Store
from dspash_worker.metrics import METRIC_NAMES, read_metric

ANN = Context(actor="ann", tenant="north", request_id="request-1")
SOURCE = "def metric(example, prediction):\n    return 1.0\n"

METRICS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "exact_match"}, {"name": "exact_match"}),
    ({"type": "f1_score", "field": "answer"}, {"name": "f1_score", "field": "answer"}),
    ({"type": "answer_passage_match", "field": "reply"}, {"name": "answer_passage_match", "field": "reply"}),
    ({"type": "code", "code": SOURCE}, {"source": SOURCE}),
    ({"type": "judge", "instructions": "Is it right?"}, {"judge": "Is it right?"}),
    ({"type": "host", "function": "close"}, {"host": "close"}),
]


@pytest.fixture
def scene(store: Store) -> StoredScene:
    return StoredScene(ANN, domain=DOMAIN, store=store)


def test_hosts_and_workers_know_the_same_built_ins() -> None:
    assert BUILT_IN_METRICS == METRIC_NAMES
    assert set(get_args(MetricType)) == {*BUILT_IN_METRICS, "code", "judge", "host"}


@pytest.mark.parametrize(("given", "wire"), METRICS, ids=[given["type"] for given, _ in METRICS])
def test_a_metric_is_what_workers_take(
    scene: StoredScene, given: dict[str, Any], wire: dict[str, Any]
) -> None:
    made = scene.of(Metric).create(name="Mine", description="High is good.", **given)
    assert made.to_wire() == wire
    assert resolve_metric(scene, "Mine") == wire
    assert read_metric(wire).name
    again = scene.of(Metric).create(name="Again", **given)
    assert again.content_hash == made.content_hash


REFUSED: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"type": "code"}, [("$.code", "missing")]),
    ({"type": "judge", "instructions": " "}, [("$.instructions", "missing")]),
    (
        {"type": "host", "field": "a", "code": "x"},
        [("$.field", "has none"), ("$.code", "has none"), ("$.function", "missing")],
    ),
    ({"type": "exact_match", "code": "x"}, [("$.code", "has none")]),
    ({"type": "passage_match", "field": "x"}, [("$.field", "compares citations")]),
    ({"type": "f2_score"}, [("$.type", "should be")]),
    ({"type": "exact_match", "name": "exact_match"}, [("$.name", "is what a built-in is called")]),
    ({"type": "exact_match", "name": ""}, [("$.name", "at least 1 character")]),
]


@pytest.mark.parametrize(("given", "problems"), REFUSED, ids=[str(index) for index in range(len(REFUSED))])
def test_what_does_not_go_together_is_refused_all_at_once(
    scene: StoredScene, given: dict[str, Any], problems: list[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        scene.of(Metric).create(**{"name": "Mine", **given})
    found = refused.value.problems
    assert [problem.path for problem in found] == [path for path, _ in problems]
    assert all(said in problem.message for problem, (_, said) in zip(found, problems, strict=True))
    assert scene.of(Metric).count() == 0


def test_a_change_keeps_what_is_not_given(scene: StoredScene) -> None:
    made = scene.of(Metric).create(name="Mine", type="code", code=SOURCE)
    told = scene.of(Metric).update(made.id, description="Better.")
    assert (told.code, told.description, told.content_hash) == (SOURCE, "Better.", made.content_hash)
    judged = scene.of(Metric).update(made.id, type="judge", instructions="Is it right?")
    assert (judged.code, judged.to_wire(), judged.description) == (None, {"judge": "Is it right?"}, "Better.")
    assert judged.content_hash != made.content_hash
    with pytest.raises(InvalidInputError, match=r"\$\.function: missing"):
        scene.of(Metric).update(made.id, type="host")


def test_what_is_said_otherwise_is_left_as_it_is_and_a_name_that_nobody_has_is_refused(
    scene: StoredScene,
) -> None:
    others: list[JsonValue] = ["exact_match", {"name": "f1_score", "field": "a"}, {"source": SOURCE}, None]
    for said in others:
        assert resolve_metric(scene, said) == said
    with pytest.raises(
        InvalidInputError, match=r"no metric is called 'exact_mach'; did you mean 'exact_match'\?"
    ):
        resolve_metric(scene, "exact_mach")
