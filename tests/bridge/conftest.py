"""Bridges on fake workers, which start in 50 ms and misbehave on request; none is left at the end."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from dspash.bridge import AskHandler, Bridge, BridgeOptions, Call, CallOptions, MannerOf
from dspash.bridge.births import Births
from dspash.bridge.lifetimes import open_bridges
from dspash.errors import ClosedError, DspashError
from dspash_protocol import ReverseCommand
from tests.leaks import children, no_leaks, wait_until

if TYPE_CHECKING:
    from tests.bridge.disposable_sandbox import Sandbox

FAKE = Path(__file__).with_name("fake")
BOUND_S = 10.0
SPIN = "import time\nwhile True: time.sleep(0.01)"
STUCK = "import time\nwhile True:\n    try: time.sleep(0.01)\n    except BaseException: pass"

# What the tests' interpreter measures of its children (coverage) needs its variables.
MEASURING = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}


class Host:
    """A bridge, and short ways to call it."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge

    def submit(self, command: str, args: Mapping[str, Any] | None = None, **options: Any) -> Call:
        """Make a call with a bound of its own."""
        wait = options.pop("wait", True)
        options.setdefault("timeout_s", BOUND_S)
        return self.bridge.submit(command, args or {}, CallOptions(**options), wait=wait)

    def call(self, command: str, args: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """Make a call and wait for its result."""
        return self.submit(command, args, **options).wait()

    def define(self, name: str, forward_fn: str, *tools: str) -> None:
        """Create a program."""
        args = {"id": name, "forward_fn": forward_fn, "tools": [{"name": tool} for tool in tools]}
        self.call("create_program", args)

    def start(self, name: str, **inputs: Any) -> Call:
        """Begin to run a program."""
        return self.submit("execute", {"program_id": name, "inputs": inputs, "detail": True})

    def run(self, name: str, **inputs: Any) -> Any:
        """Run a program and return its fields."""
        return self.start(name, **inputs).wait()["fields"]

    @property
    def generation(self) -> int:
        """The generation of the first worker; 0 while there is none."""
        workers = self.bridge.status().workers
        return workers[0].generation if workers else 0

    def wait_until_serving(self, count: int = 1) -> None:
        """Wait until just `count` workers are ready."""
        wait_until(
            lambda: sum(worker.state == "ready" for worker in self.bridge.status().workers) == count,
            f"{count} workers to be ready",
        )

    @property
    def pids(self) -> list[int]:
        """The workers' pids, in the order of their children."""
        return [worker.pid for worker in self.bridge.status().workers]


class OpenBridge(Protocol):
    def __call__(
        self,
        *,
        handlers: Mapping[ReverseCommand, AskHandler] | None = ...,
        manners: Mapping[ReverseCommand, MannerOf] | None = ...,
        births: Births | None = ...,
        **options: Any,
    ) -> Host: ...


def outcome(step: Callable[[], Any]) -> Any:
    """What a step returns, or the error it raises."""
    try:
        return step()
    except DspashError as error:
        return error


def in_thread(step: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """A thread that does `step`, and the list in which its outcome will be."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(outcome(step)), daemon=True)
    thread.start()
    return thread, found


def assert_closed(host: Host) -> None:
    """Nothing of the bridge is left, and it takes no call."""
    with pytest.raises(ClosedError):
        host.submit("ping")
    assert host.bridge not in open_bridges
    assert children() == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("dspash")]


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every module of tests leaves the process as it was."""
    with no_leaks(tmp_path_factory.mktemp("temporary")):
        yield


@pytest.fixture
def open_bridge() -> Generator[OpenBridge]:
    """Open bridges on fake workers; all are closed at the end."""
    opened: list[Bridge] = []

    def start(
        *,
        handlers: Mapping[ReverseCommand, AskHandler] | None = None,
        manners: Mapping[ReverseCommand, MannerOf] | None = None,
        births: Births | None = None,
        **options: Any,
    ) -> Host:
        environment = {**MEASURING, **options.pop("environment", {})}
        settings: dict[str, Any] = {
            "python_path": (str(FAKE),),
            "environment": environment,
            "shutdown_s": 2.0,
            "zygote": False,  # the fake has none
            **options,
        }
        opened.append(Bridge(BridgeOptions(**settings), handlers or {}, manners=manners or {}, births=births))
        return Host(opened[-1])

    yield start
    for bridge in opened:
        bridge.close()


@pytest.fixture
def sandbox(open_bridge: OpenBridge) -> Sandbox:
    """Have calls run in workers of their own."""
    from tests.bridge.disposable_sandbox import Sandbox  # which stands on this module

    return Sandbox(open_bridge)
