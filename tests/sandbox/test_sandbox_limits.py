"""Limits: the defaults are the documented ones, and what cannot be is refused by name."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import dspash
from dspash.sandbox import Limits

MIB = 1 << 20


def test_what_the_kernel_enforces_follows_from_the_limits() -> None:
    resources = Limits().resources

    assert dataclasses.asdict(resources) == {
        "address_space_bytes": 2048 * MIB,
        "data_bytes": 1024 * MIB,
        "cpu_s": 30,
        "file_bytes": 32 * MIB,
        "open_files": 256,
        "threads": 64,
        "scratch_bytes": 64 * MIB,
        "scratch_inodes": 4096,
    }


def test_cpu_time_is_rounded_up() -> None:
    assert Limits(cpu_s=0.2).resources.cpu_s == 1
    assert Limits(cpu_s=2).resources.cpu_s == 2


def test_every_field_is_documented() -> None:
    import inspect

    source = inspect.getsource(Limits)
    for field in dataclasses.fields(Limits):
        after = source.split(f"    {field.name}: ", 1)[1]
        assert after.splitlines()[1].strip().startswith('"""'), field.name


def test_it_is_one_of_the_public_names() -> None:
    assert dspash.Limits is Limits


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"cpu_s": 0}, "limits.cpu_s"),
        ({"cpu_s": float("nan")}, "limits.cpu_s"),
        ({"cpu_s": True}, "limits.cpu_s"),
        ({"wall_s": float("inf")}, "limits.wall_s"),
        ({"wall_s": "20"}, "limits.wall_s"),
        ({"wall_s": 400.0}, "limits.total_s"),
        ({"memory_mb": 100}, "limits.memory_mb"),
        ({"memory_mb": 512.0}, "limits.memory_mb"),
        ({"threads": 1}, "limits.threads"),
        ({"files": 3}, "limits.files"),
        ({"file_mb": 0}, "limits.file_mb"),
        ({"frame_mb": 65}, "limits.frame_mb"),
        ({"frames": 0}, "limits.frames"),
        ({"output_mb": -1}, "limits.output_mb"),
        ({"lm_calls": -1}, "limits.lm_calls"),
        ({"lm_tokens": 1.5}, "limits.lm_tokens"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_by_name(settings: dict[str, Any], path: str) -> None:
    with pytest.raises(dspash.ConfigurationError) as refused:
        Limits(**settings)

    assert refused.value.path == path


def test_a_budget_may_be_nothing_or_without_end() -> None:
    assert Limits(lm_calls=0, tool_calls=None).lm_calls == 0
