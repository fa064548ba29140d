"""An optimizer is kept only with a configuration that DSPy's takes, and all that it takes can be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from dspash.errors import InvalidInputError
from dspash.resources import DOMAIN
from dspash.resources.kernel import Context, StoredScene
from dspash.resources.optimizer import Optimizer
from dspash.resources.optimizer_types import config_problems, find_optimizer_type, optimizer_types
from dspash.store import Store
from dspash_protocol import FaultError
from dspash_worker.optimizers import OPTIMIZERS
from dspash_worker.parameters import check_config

ANN = Context(actor="ann", tenant="north", request_id="request-1")
CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("bootstrap_few_shot", {"max_bootstrapped_demos": 3, "teacher_settings": {"lm": "strong"}}),
    ("bootstrap_few_shot", {"max_bootstrapped_demos": "3"}),
    ("bootstrap_few_shot", {"max_bootstrapped_demos": True}),
    ("bootstrap_few_shot", {"metric_threshold": 0.5, "max_errors": None}),
    ("mipro_v2", {"auto": "light", "prompt_model": {"model": "strong"}}),
    ("mipro_v2", {"auto": None, "metric_threshold": 1}),
    ("mipro_v2", {"auto": "easy"}),
    ("mipro_v2", {"prompt_model": 3}),
    ("gepa", {"reflection_lm": "strong", "use_merge": False, "max_metric_calls": None}),
    ("gepa", {"track_stats": None}),
    ("better_together", {"optimizers": {"p": {}}, "strategy": "p"}),
    ("ensemble", {"reduce": None, "size": 2}),
    ("ensemble", {"reduce": "mean"}),
]


@pytest.fixture
def scene(store: Store) -> StoredScene:
    """Look at an empty database, without workers, for Ann."""
    return StoredScene(ANN, domain=DOMAIN, store=store)


def test_the_table_has_the_optimizers_and_parameters_of_a_worker() -> None:
    found = {name: set(one.parameters) for name, one in optimizer_types().items()}

    assert found == {name: set(row.parameters()) for name, row in OPTIMIZERS.items()}, "run scripts/generate"
    assert all(one.doc for kind in optimizer_types().values() for one in kind.parameters.values())


@pytest.mark.parametrize(("name", "config"), CONFIGS, ids=str)
def test_a_configuration_is_refused_where_a_worker_would_refuse_it(name: str, config: dict[str, Any]) -> None:
    try:
        check_config(config, OPTIMIZERS[name].parameters(), path="$.config")
        taken = True
    except FaultError:
        taken = False

    assert (config_problems(optimizer_types()[name], config, path="$.config") == []) is taken


def test_defaults_are_those_that_hold() -> None:
    kinds = optimizer_types()

    assert kinds["bootstrap_few_shot"].parameters["max_labeled_demos"].default == 16  # DSPy's own
    assert kinds["gepa"].parameters["auto"].default == "light"  # what a worker completes
    assert kinds["knn_few_shot"].parameters["k"].required
    assert not kinds["bootstrap_few_shot_with_optuna"].parameters["max_demos"].required
    assert [name for name, kind in kinds.items() if kind.wants_feedback] == ["gepa"]


def test_every_spelling_finds_its_optimizer() -> None:
    names = {"MIPROv2": "mipro_v2", "mipro": "mipro_v2", "bootstrap-fewshot": "bootstrap_few_shot"}

    assert {name: getattr(find_optimizer_type(name), "name", None) for name in names} == names
    assert find_optimizer_type("MIPROv3") is None


def test_what_does_not_fit_is_refused_as_a_whole(scene: StoredScene) -> None:
    wrong: dict[str, Any] = {"breath": 3, "depth": "2", "track_stats": True}
    with pytest.raises(InvalidInputError) as refused:
        scene.of(Optimizer).create(name="words", type="copro", config=wrong)
    assert [problem.path for problem in refused.value.problems] == ["$.config.breath", "$.config.depth"]
    assert "did you mean 'breadth'" in str(refused.value)
    with pytest.raises(InvalidInputError, match="did you mean 'copro'"):
        scene.of(Optimizer).create(name="words", type="coprow")
    kept = scene.of(Optimizer).create(name="words", type="copro", config={"breadth": 3})
    with pytest.raises(InvalidInputError, match="log_dir: refused: a worker writes no files"):
        scene.of(Optimizer).update(kept.id, type="gepa", config={"log_dir": "/tmp"})
    with pytest.raises(
        InvalidInputError, match=r"config\.breadth"
    ):  # what it has does not fit its other type
        scene.of(Optimizer).update(kept.id, type="gepa")


def test_what_is_kept_is_described_with_what_it_sets(scene: StoredScene) -> None:
    scene.of(Optimizer).create(name="words", type="COPRO", config={"breadth": 3})
    optimizers: Any = scene.of(Optimizer)

    assert optimizers.describe(type="words")["config"] == {"breadth": 3}
    assert optimizers.describe(type="words")["name"] == optimizers.describe(type="copro")["name"] == "copro"
    assert [found["name"] for found in optimizers.types()] == list(optimizer_types())
    with pytest.raises(InvalidInputError, match="is no optimizer"):
        optimizers.describe(type="nothing like it")
