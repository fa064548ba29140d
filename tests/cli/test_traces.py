"""Traces on the command line: executions as trees and as lines, whatever models have said in them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console

from dspash.cli.session import Session
from dspash.cli.trace_tree import headline, trace_tree
from dspash.cli.traces import follow
from dspash.resources.kernel import StoredScene
from dspash.resources.recording import Redaction
from dspash.resources.trace import Trace
from dspash.resources.tracing import Execution, row_of
from dspash.store import Store
from tests.cli.conftest import Run
from tests.resources.executions import NOON, ago, execution, keep, piece, scene_of, span

HOP = piece(
    span(
        2, 1, "lm", "gpt", prompt=[{"role": "user", "content": "Who\nbuilt it?"}], usage={"total_tokens": 7}
    ),
    span(1, name="hops[0]", type="Predict", inputs={"question": "Who?"}, outputs={"answer": "She."}),
)
FAILED = {"kind": "tool_error", "type": "OSError", "message": "it is gone"}


@pytest.fixture
def scene(either_database: str) -> Any:
    with Store.open(either_database) as store:
        yield scene_of(store, tenant="default")


def printed(shown: Any) -> str:
    console = Console(width=120, record=True, file=None, color_system=None)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


def made(told: Execution) -> Trace:
    return Trace.model_validate(row_of(told, "default", Redaction()))


def test_a_trace_is_shown_as_a_tree() -> None:
    lines = printed(trace_tree(made(execution(HOP)))).splitlines()
    assert lines[0].startswith("program Baleen source  500.0 ms  7 tokens  2026-05-01 11:59:59")
    assert [line.strip(" │└├─") for line in lines[1:]] == [
        'inputs: {"question": "Who?"}',
        'outputs: {"answer": "She."}',
        "module hops[0] Predict  500 µs",
        'inputs: {"question": "Who?"}',
        'outputs: {"answer": "She."}',
        "lm gpt  500 µs  7 tokens",
    ]


def test_in_full_prompts_are_shown_as_they_read() -> None:
    shown = printed(trace_tree(made(execution(HOP)), full=True))
    assert "user: Who" in shown
    assert "built it?" in shown
    assert '"answer": "She."' in shown


def test_a_failure_is_told_by_its_message() -> None:
    told = made(execution(piece(span(1, kind="tool", name="search", error=FAILED)), error=FAILED))
    shown = printed(trace_tree(told))
    assert shown.count("error: OSError: it is gone") == 2
    assert "tool search  500 µs  failed" in shown
    assert "failed" in printed(headline(told))


@pytest.mark.parametrize(
    "hostile", ["\x1b[31m\x1b]0;title\x07", "[bold]markup[/bold]", "\u202egnirts", "a\rb"]
)
def test_what_a_worker_says_steers_no_terminal(hostile: str) -> None:
    told = made(
        execution(
            piece(
                span(
                    1,
                    name=hostile,
                    type=hostile,
                    prompt=hostile,
                    outputs=[hostile],
                    error={"message": hostile},
                )
            ),
            inputs={hostile: hostile},
        )
    )
    for shown in (trace_tree(told), trace_tree(told, full=True), headline(told)):
        text = printed(shown)
        assert not set(text) & set("\x1b\x07\r\u202e")
        assert "markup[/bold]" in text or "markup" not in hostile


def test_a_very_deep_trace_is_cut_with_a_count() -> None:
    deep = [piece(span(n, n - 1, name=str(n))) for n in range(1, 400)]
    assert "… 379 steps inside it" in printed(trace_tree(made(execution(*deep))))


def test_show_finds_a_trace_by_its_id_or_the_last_one(dspash: Run, scene: StoredScene) -> None:
    first, last = execution(HOP, ended_at=ago(hours=1)), execution(HOP, name="Later")
    keep(scene, last, first)
    assert dspash("traces", "show").out.startswith("program Later")
    assert dspash("traces", "show", str(first.id)).out.startswith("program Baleen")
    told = dspash("traces", "show", "--json").value
    assert (told["id"], told["steps"][0]["steps"][0]["name"]) == (str(last.id), "gpt")


def test_show_says_when_there_is_nothing(dspash: Run) -> None:
    done = dspash("traces", "show")
    assert done.status != 0
    assert "nothing was executed yet" in done.err


def test_tail_prints_the_last_ones_oldest_first(dspash: Run, scene: StoredScene) -> None:
    keep(scene, *(execution(name=f"p{hours}", ended_at=ago(hours=hours)) for hours in range(5, 0, -1)))
    keep(scene, execution(name="bad", error=FAILED))
    names = [
        json.loads(line)["name"] for line in dspash("traces", "tail", "-n", "3", "--json").out.splitlines()
    ]
    assert names == ["p2", "p1", "bad"]
    assert "OSError: it is gone" in dspash("traces", "tail", "--failed").out
    (line,) = dspash("traces", "tail", "--name", "p4").out.splitlines()
    assert '{"question": "Who?"}' in line


def test_a_tail_that_follows_tells_each_new_one_once(scene: StoredScene) -> None:
    keep(
        scene, execution(name="old", ended_at=ago(hours=1)), execution(name="before", ended_at=ago(seconds=5))
    )
    lots = [
        [execution(name="a", ended_at=NOON + timedelta(seconds=2))],
        [],
        # written by another process, a moment late
        [
            execution(name="late", ended_at=NOON + timedelta(seconds=1)),
            execution(name="b", ended_at=NOON + timedelta(seconds=3)),
        ],
    ]

    def wait() -> bool:
        if lots:
            keep(scene, *lots.pop(0))
            return True
        return False

    found = follow(Session(scene), {}, 1, wait=wait)
    assert [told.name for told in found] == ["before", "a", "late", "b"]


def test_every_other_command_of_records_is_there(dspash: Run, scene: StoredScene) -> None:
    keep(scene, execution())
    assert dspash("traces", "count", "--json").value == 1
    assert [one["name"] for one in dspash("traces", "list", "--json").value["items"]] == ["Baleen"]
