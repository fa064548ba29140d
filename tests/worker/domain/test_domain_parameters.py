"""A configuration fits what a class really takes, whatever way the class says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dspy
import pytest

from dspash_protocol import FaultError
from dspash_worker.parameters import Parameter, check_config, check_required, parameters_of
from dspash_worker.source import load_module

# As text: type checkers would object to what is to be read here, parameters without annotations and unknown names.
SAMPLE = """
from __future__ import annotations
from collections.abc import Callable
from typing import Any, Literal

def sample(
    count: int,
    share: float = 0.5,
    mode: Literal["fast", "slow"] | None = "fast",
    names: list[str] | None = None,
    anything: Any = None,
    work: Callable[[], None] | None = None,
    missing: Missing = None,
    by_default=True,
    by_nothing=None,
    *args: Any,
    **rest: Any,
) -> None: ...
"""
sample: Callable[..., Any] = load_module(SAMPLE, "sample", {}, path="$")["sample"]


def test_parameters_are_told_with_their_kinds() -> None:
    assert parameters_of(sample, given=("count",)) == {
        "share": Parameter("share", (float,)),
        "mode": Parameter("mode", (type(None),), ("fast", "slow")),
        "names": Parameter("names", (list, type(None))),
        "anything": Parameter("anything"),
        "by_default": Parameter("by_default", (bool,)),
        "by_nothing": Parameter("by_nothing"),
    }
    assert parameters_of(sample)["count"] == Parameter("count", (int,), required=True)


def test_classes_of_dspy_are_read_through_their_constructors() -> None:
    assert set(parameters_of(dspy.ReAct, given=("signature", "tools"))) == {"max_iters"}
    assert parameters_of(dspy.RLM)["max_llm_calls"] == Parameter("max_llm_calls", (int,))
    assert parameters_of(dspy.SIMBA)["num_threads"] == Parameter("num_threads", (int, type(None)))
    assert "metric" not in parameters_of(dspy.SIMBA)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"cuont": 1}, "$.c.cuont: unknown; did you mean 'count'?"),
        ({"count": "1"}, "$.c.count: int is wanted, this is str"),
        ({"count": True}, "$.c.count: int is wanted, this is bool"),
        ({"share": None}, "$.c.share: float is wanted, this is None"),
        ({"mode": "medium"}, "$.c.mode: 'medium' is none of 'fast', 'slow'"),
        ({"names": "a"}, "$.c.names: list or None is wanted, this is str"),
        ({"work": 1}, "$.c.work: unknown"),
    ],
)
def test_what_does_not_fit_is_refused(config: dict[str, Any], problem: str) -> None:
    with pytest.raises(FaultError) as caught:
        check_config(config, parameters_of(sample), path="$.c")
    assert problem in caught.value.fault.message


def test_what_fits_is_taken() -> None:
    config = {
        "count": 1,
        "share": 2,
        "mode": None,
        "names": ["a"],
        "anything": {},
        "by_default": False,
        "by_nothing": 7,
    }
    parameters = parameters_of(sample)
    assert check_config(config, parameters, path="$") == config
    check_required(config, parameters, path="$")
    with pytest.raises(FaultError, match="count: int is wanted, this is missing"):
        check_required({}, parameters, path="$")
