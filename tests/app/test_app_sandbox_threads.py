"""Sandboxed programs that ask much of their host at once, beside one that asks little."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

import dspash
from dspash.bridge import ask_server
from tests.leaks import wait_until

pytestmark = [pytest.mark.bwrap, pytest.mark.timeout(60)]

BOUND_S = 20.0
GREEDY = """
from concurrent.futures import ThreadPoolExecutor

def ask(_):
    try:
        return hold()
    except Exception as error:
        return str(error)

with ThreadPoolExecutor(40) as threads:
    result = {"found": list(threads.map(ask, range(40)))}
"""


@pytest.fixture(scope="module")
def app() -> Iterator[dspash.App]:
    with dspash.open(lm="offline", timeout_s=BOUND_S) as app:
        yield app


def test_one_that_holds_many_threads_leaves_some_to_others(
    app: dspash.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask_server, "FOR_FEW", 500)  # of the 512 there are
    go_on = threading.Event()
    held: list[int] = []

    def hold() -> str:
        """Take long."""
        held.append(1)
        go_on.wait(BOUND_S)
        return "held"

    def look() -> str:
        """Take no time."""
        return "seen"

    greedy = app.program("greedy", forward_fn=GREEDY, tools=[hold])
    modest = app.program("modest", forward_fn="result = {'found': look()}", tools=[look])
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.extend(greedy().found))
    thread.start()
    try:
        wait_until(lambda: len(held) >= 8, "the first to be served", bound_s=BOUND_S)
        assert modest().found == "seen"
    finally:
        go_on.set()
        thread.join(BOUND_S)
    refused = [text for text in found if text != "held"]
    assert refused
    assert all("too many requests" in text for text in refused)
    assert len(found) - len(refused) >= 8
