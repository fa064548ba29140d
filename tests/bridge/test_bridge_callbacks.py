"""Callbacks of futures: they may close the bridge or start calls, and never wait for themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from dspash.errors import ReentrancyError
from tests.bridge.conftest import BOUND_S, SPIN, OpenBridge, assert_closed, outcome
from tests.leaks import wait_until


@pytest.mark.parametrize("where", ["pump", "leader", "mailbox", "cancel", "closing"])
def test_closing_in_a_callback_never_waits_for_itself(open_bridge: OpenBridge, where: str) -> None:
    host = open_bridge()
    host.define("spin", SPIN)
    seen: list[BaseException | str] = []

    def close(_future: Any) -> None:
        try:
            host.bridge.close()
            seen.append("closed")
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            seen.append(error)

    match where:
        case "pump":
            host.submit("ping").future.add_done_callback(close)
        case "leader":
            call = host.submit("fake.flood_stderr")
            call.future.add_done_callback(close)
            call.wait()
        case "mailbox":
            host.submit(
                "execute", {"program_id": "spin", "inputs": {}}, timeout_s=0.02
            ).future.add_done_callback(close)
        case "cancel":
            call = host.start("spin")
            call.future.add_done_callback(close)
            call.cancel("now")
        case _:
            host.start("spin").future.add_done_callback(close)
            host.bridge.close()
    wait_until(lambda: seen, "the callback")
    assert seen == ["closed"]
    host.bridge.close()
    assert_closed(host)


def test_waiting_for_a_call_in_a_callback_is_refused_wherever_it_runs(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    host.define("spin", SPIN)
    found: list[Any] = []

    def call_again(_future: Any) -> None:
        found.append(outcome(lambda: host.call("ping")))

    host.submit("ping").future.add_done_callback(call_again)
    spinning = host.submit("execute", {"program_id": "spin", "inputs": {}}, timeout_s=0.02)
    spinning.future.add_done_callback(call_again)
    wait_until(lambda: len(found) == 2, "both callbacks")
    # A callback that is added late runs at once, in its caller's thread, where waiting is fine.
    assert all(isinstance(item, ReentrancyError) or item == {"payload": None} for item in found)
    assert any(isinstance(item, ReentrancyError) for item in found)
    assert host.call("ping") == {"payload": None}


def test_a_callback_may_start_calls(open_bridge: OpenBridge) -> None:
    host = open_bridge()
    done = threading.Event()

    def chain(left: int) -> Callable[[Any], None]:
        def follow(_future: Any) -> None:
            if left:
                host.submit("ping").future.add_done_callback(chain(left - 1))
            else:
                done.set()

        return follow

    host.submit("ping").future.add_done_callback(chain(50))
    assert done.wait(BOUND_S)
