"""Settings of supervision: what is wrong is refused by the name of its field."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest

from dspash.errors import ConfigurationError
from dspash.supervision import Backoff, ChildSpec, Intensity, LivenessLimits, RecyclingLimits, Restart

NOT_A_NUMBER_OF_SECONDS = ["5", None, True, math.nan, -0.1, -math.inf]
NOT_A_COUNT = [-1, 2.0, "3", None, False]

BAD_FIELDS: list[tuple[Callable[..., object], str, str, list[Any]]] = [
    (ChildSpec[str], "ChildSpec", "id", ["", "  ", "two\nlines", None, 7]),
    (ChildSpec[str], "ChildSpec", "restart", ["permanent", None, True]),
    (ChildSpec[str], "ChildSpec", "shutdown_s", NOT_A_NUMBER_OF_SECONDS),
    (ChildSpec[str], "ChildSpec", "max_failed_starts", NOT_A_COUNT),
    (Intensity, "Intensity", "max_restarts", NOT_A_COUNT),
    (Intensity, "Intensity", "period_s", [*NOT_A_NUMBER_OF_SECONDS, 0]),
    (Backoff, "Backoff", "base_s", [*NOT_A_NUMBER_OF_SECONDS, math.inf, 86_401]),
    (Backoff, "Backoff", "cap_s", [*NOT_A_NUMBER_OF_SECONDS, math.inf, 86_401]),
    (LivenessLimits, "LivenessLimits", "heartbeat_s", [*NOT_A_NUMBER_OF_SECONDS, 0]),
    (LivenessLimits, "LivenessLimits", "missed", [*NOT_A_COUNT, 0]),
    (LivenessLimits, "LivenessLimits", "boot_timeout_s", [*NOT_A_NUMBER_OF_SECONDS, 0]),
    (RecyclingLimits, "RecyclingLimits", "max_calls", [-1, 0, 2.0, "3", True]),
    (RecyclingLimits, "RecyclingLimits", "max_age_s", [0, -1, "3", True, math.nan]),
    (RecyclingLimits, "RecyclingLimits", "max_memory_bytes", [-1, 0, 2.0, "3", True]),
]


@pytest.mark.parametrize(
    ("build", "owner", "field", "value"),
    [(build, owner, field, value) for build, owner, field, values in BAD_FIELDS for value in values],
)
def test_a_bad_setting_is_refused_by_the_name_of_its_field(
    build: Callable[..., object], owner: str, field: str, value: object
) -> None:
    arguments = {"id": "pool.0", "start": "python"} if owner == "ChildSpec" else {}
    with pytest.raises(ConfigurationError) as refused:
        build(**{**arguments, field: value})
    assert refused.value.path == f"{owner}.{field}"
    assert repr(value) in refused.value.problem
    assert refused.value.way_out.startswith("give ")


@pytest.mark.parametrize("build", [Intensity, Backoff, LivenessLimits, RecyclingLimits])
def test_every_setting_has_a_default_that_is_accepted(build: Callable[[], object]) -> None:
    assert build() == build()


def test_the_defaults_of_a_child_are_those_of_otp() -> None:
    spec = ChildSpec("pool.0", start="python")
    assert (spec.restart, spec.shutdown_s) == (Restart.PERMANENT, 5.0)
    assert (Intensity().max_restarts, Intensity().period_s) == (3, 5.0)


@pytest.mark.parametrize("shutdown_s", [0, 0.0, 5, math.inf])
def test_a_child_may_be_killed_at_once_or_waited_for_without_end(shutdown_s: float) -> None:
    assert ChildSpec("pool.0", start="python", shutdown_s=shutdown_s).shutdown_s == shutdown_s


def test_the_error_names_every_choice() -> None:
    with pytest.raises(ConfigurationError, match="give one of: permanent, transient, temporary"):
        ChildSpec("pool.0", start="python", restart="always")  # pyright: ignore[reportArgumentType]


def test_settings_cannot_be_changed_afterwards() -> None:
    spec = ChildSpec("pool.0", start=("python", "-m", "dspash_worker"))
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.id = "pool.1"  # pyright: ignore[reportAttributeAccessIssue]
    assert spec.start == ("python", "-m", "dspash_worker")
