"""Settings of an app: what cannot be is refused before any process starts, by the name that the caller used."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

import dspash


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"workers": 0}, "workers"),
        ({"workers": "2"}, "workers"),
        ({"workers": 1.5}, "workers"),
        ({"workers": True}, "workers"),
        ({"concurrency": None}, "concurrency"),
        ({"max_queue": -1}, "max_queue"),
        ({"max_frame": 10}, "max_frame"),
        ({"lm": None}, "lm"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": "5"}, "timeout_s"),
        ({"cancel_grace_s": -1}, "cancel_grace_s"),
        ({"shutdown_s": "soon"}, "shutdown_s"),
        ({"heartbeat_s": 0}, "heartbeat_s"),
        ({"boot_timeout_s": -1}, "boot_timeout_s"),
        ({"period_s": 0}, "period_s"),
        ({"max_restarts": -1}, "max_restarts"),
        ({"max_calls": 0}, "max_calls"),
        ({"max_age_s": 0}, "max_age_s"),
        ({"max_memory_mb": 0}, "max_memory_mb"),
        ({"python": "/nowhere/python"}, "python"),
        ({"python_path": "/a/folder"}, "python_path"),
        ({"cwd": "/nowhere"}, "cwd"),
        ({"env": ["A=1"]}, "env"),
        ({"env": {"A": 1}}, "env['A']"),
        ({"env": {"A": "a\0b"}}, "env['A']"),
        ({"env": {"A=": "1"}}, "env['A=']"),
        ({"env": {"": "1"}}, "env['']"),
    ],
    ids=repr,
)
def test_a_setting_that_cannot_be_is_refused_by_its_own_name(settings: dict[str, Any], path: str) -> None:
    with pytest.raises(dspash.ConfigurationError) as refused:
        dspash.open(**settings)
    assert refused.value.path == path
    assert refused.value.way_out


def test_both_ways_to_open_show_the_same_arguments() -> None:
    assert inspect.signature(dspash.aopen).parameters == inspect.signature(dspash.open).parameters


def test_an_argument_that_does_not_exist_is_found_by_type_checkers_too() -> None:
    async def misspell() -> None:
        async with dspash.aopen(wokers=2):  # pyright: ignore[reportCallIssue]
            pass

    with pytest.raises(TypeError, match="wokers"):
        asyncio.run(misspell())
