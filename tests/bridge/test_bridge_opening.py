"""Opening a bridge: settings, interpreters, and what is left when it fails."""

from __future__ import annotations

import sys
import threading
import venv
from pathlib import Path
from typing import Any

import pytest

from dspash.bridge import BridgeOptions
from dspash.errors import ConfigurationError
from tests.bridge.conftest import OpenBridge
from tests.leaks import wait_until


def test_calls_made_before_a_worker_is_up_wait_for_it(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    calls = [host.submit("ping", {"payload": number}) for number in range(20)]
    assert [call.wait()["payload"] for call in calls] == list(range(20))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", 0),
        ("concurrency", 0),
        ("max_queue", -1),
        ("max_frame", 10),
        ("cancel_grace_s", -1.0),
        ("shutdown_s", float("inf")),
        ("retire_grace_s", float("nan")),
        ("python", "/no/such/interpreter"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(name: str, value: Any) -> None:
    settings: dict[str, Any] = {name: value}
    with pytest.raises(ConfigurationError) as refused:
        BridgeOptions(**settings)
    assert refused.value.path == name


@pytest.mark.parametrize("command", ["hello", "shutdown"])
def test_the_commands_of_the_session_are_the_bridges_own(open_bridge: OpenBridge, command: str) -> None:
    with pytest.raises(ConfigurationError):
        open_bridge().submit(command)


def test_workers_run_on_the_interpreter_they_are_given(open_bridge: OpenBridge, tmp_path: Path) -> None:
    venv.create(tmp_path / "other", with_pip=False, symlinks=True)
    python = str(tmp_path / "other" / "bin" / "python")
    packages = [entry for entry in sys.path if entry.endswith(("site-packages", "protocol"))]
    fake = str(Path(__file__).with_name("fake"))
    host = open_bridge(python=python, python_path=(fake, *packages))
    host.define("where", "import sys\nresult = {'python': sys.executable}")
    assert host.run("where") == {"python": python}


def test_a_host_that_cannot_start_a_bridge_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, open_bridge: OpenBridge
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise RuntimeError("no")

    before = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr("dspash.bridge.bridge.Supervisor", refuse)
        with pytest.raises(RuntimeError):
            open_bridge()
    wait_until(
        lambda: (threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))) == before, "no trace"
    )
