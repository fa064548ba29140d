"""The display: live where lines can be redrawn, else a line for each stage, and one closing table."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from dspash.demo.display import LineDisplay, LiveDisplay, print_report, stages_on
from dspash.demo.report import Answered, Cost, Judged, Kept, Report
from dspash.demo.stage import Stage

REPORT = Report(
    task="questions, 7 passages",
    before=Judged({"exact_match": 0.25, "f1_score": 0.5}, 8, (), Cost(24, 1.25)),
    optimization=Cost(12, 0.5),
    after=Judged({"exact_match": 0.75, "f1_score": 0.875}, 8, ("no such luck",), Cost(25, 2.0)),
    answers=(
        Answered("Where?", "Rome", {"answer": "in [Rome]", "confidence": 0.5}),
        Answered("When?", "1889", {}, "nobody knows"),
    ),
)


def console(*, terminal: bool, width: int = 80) -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    environment = {"TERM": "xterm"} if terminal else {}
    return Console(file=written, force_terminal=terminal, width=width, _environ=environment), written


def a_stage(calls: list[int]) -> Stage:
    return Stage("evaluate optimised", lambda: calls[0], clock=lambda: 0.0)


def test_without_a_terminal_a_stage_is_one_line_at_its_end() -> None:
    plain, written = console(terminal=False, width=20)
    calls = [0]
    stage = a_stage(calls)
    with LineDisplay(plain).showing(stage):
        stage.advance(79, 79, 0.5)
        calls[0] = 237
        assert written.getvalue() == ""

    assert written.getvalue() == "evaluate optimised: 79/79, score 50.0%, 237 LM calls, 0.0 s\n"


def test_a_stage_that_fails_is_not_told_as_done() -> None:
    plain, written = console(terminal=False)
    with pytest.raises(ValueError, match="broken"), LineDisplay(plain).showing(a_stage([0])):
        raise ValueError("broken")

    assert written.getvalue() == ""


def test_on_a_terminal_a_stage_is_one_row_that_stays() -> None:
    terminal, written = console(terminal=True)
    stage = a_stage([0])
    with LiveDisplay(terminal).showing(stage):
        stage.advance(7405, 7405, 1.0)

    last = written.getvalue().rsplit("\r", 1)[-1]
    for piece in ("evaluate optimised", "7405/7405", "score 100.0%", "0 LM calls", "0.0 s"):
        assert piece in last
    assert last.count("\n") == 1


def test_the_console_decides() -> None:
    dumb = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})

    assert isinstance(stages_on(console(terminal=True)[0]), LiveDisplay)
    assert isinstance(stages_on(console(terminal=False)[0]), LineDisplay)
    assert isinstance(stages_on(dumb), LineDisplay)


def test_the_closing_table_has_every_figure() -> None:
    plain, written = console(terminal=False)
    print_report(REPORT, plain)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in written.getvalue().splitlines()]

    assert [row for row in rows if row] == [
        ["exact match", "25.0%", "", "75.0%"],
        ["f1 score", "50.0%", "", "87.5%"],
        ["examples", "8", "", "8"],
        ["LM calls", "24", "12", "25"],
        ["time", "1.2 s", "0.5 s", "2.0 s"],
    ]


def test_answers_are_printed_as_they_are() -> None:
    plain, written = console(terminal=False)
    print_report(REPORT, plain)

    assert "Where?\n  answer: in [Rome]\n  confidence: 0.5\n  expected: Rome\n" in written.getvalue()
    assert "When?\n  error: nobody knows\n  expected: 1889\n" in written.getvalue()


def test_a_report_as_json_has_the_scores_before_and_after() -> None:
    told = REPORT.to_map()

    assert told["before"] == {
        "score": 0.25, "exact_match": 0.25, "f1_score": 0.5, "examples": 8, "failed": 0, "lm_calls": 24,
        "seconds": 1.25,
    }  # fmt: skip
    assert told["after"]["score"] == 0.75
    assert told["optimization"] == {"lm_calls": 12, "seconds": 0.5}
    assert told["answers"] == [
        {"asked": "Where?", "expected": "Rome", "outputs": {"answer": "in [Rome]", "confidence": 0.5}},
        {"asked": "When?", "expected": "1889", "outputs": {}, "error": "nobody knows"},
    ]
    assert REPORT.errors == ("no such luck", "nobody knows")


@pytest.mark.parametrize(
    ("made", "live", "told"),
    [
        (3, 3, "version 3 is live now"),
        (3, 2, "version 3 is no better, version 2 stays live"),
        (2, None, "version 2 is no better, none is live"),
        (None, 2, "nothing that was not there already"),
    ],
)
def test_what_is_kept_is_told_with_the_commands_to_look_at_it(
    made: int | None, live: int | None, told: str
) -> None:
    plain, written = console(terminal=False)

    print_report(
        dataclasses.replace(REPORT, start="version 2", kept=Kept("x.db", "Baleen", 2, made, live)), plain
    )

    assert "kept in x.db" in written.getvalue()
    assert f"Baleen: {'optimising came to ' if made is None else ''}{told}" in written.getvalue()
    assert "dspash programs diff Baleen" in written.getvalue()
    assert "version 2" in written.getvalue()
