"""What a worker says is shown so that it steers no terminal, forges no line, and stays readable."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.bridge.shown import shown_line, shown_lines, shown_name
from dspash.bridge.stderr_tail import StderrTail
from dspash.bridge.wire_faults import error_of
from dspash_protocol import Fault, FaultKind

HOSTILE = "\x1b]0;owned\x07\x9b2J\u202eback\u2066\r\n2026 | CRITICAL"
SHOWN = r"\x1b]0;owned\x07\x9b2J\u202eback\u2066\r\n2026 | CRITICAL"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("Zürich – 東京 👩‍💻 \u00a0!", "Zürich – 東京 👩‍💻 \u00a0!"),
        ("a\tb", "a\tb"),
        ("a\nb", r"a\nb"),
        ("\ud800", r"\ud800"),
        (HOSTILE, SHOWN),
    ],
)
def test_only_what_steers_is_escaped(text: str, line: str) -> None:
    assert shown_line(text) == line


@given(st.text())
def test_shown_text_is_one_line_that_can_be_printed(text: str) -> None:
    line = shown_line(text)
    assert len(line.splitlines()) <= 1
    line.encode()
    assert shown_line(line) == line
    assert shown_lines(text).replace("\n", "") == shown_line(text.replace("\n", ""))


def test_names_are_cut() -> None:
    assert shown_name("heartbeat") == "heartbeat"
    assert shown_name("x" * 80) == "x" * 80
    assert shown_name("\x1b" + "x" * 200) == r"\x1b" + "x" * 76 + "…"


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind is not FaultKind.TIMEOUT])
def test_error_of_a_hostile_fault_steers_nothing(kind: FaultKind) -> None:
    fault = Fault(
        kind, HOSTILE, type=HOSTILE, details={"path": HOSTILE, "program": HOSTILE}, traceback=HOSTILE
    )
    error = error_of(fault, timeout_s=1)
    told = [str(error), *(str(getattr(error, name, "")) for name in ("message", "type", "traceback", "path"))]
    for text in told:
        assert shown_lines(text) == text


def test_last_lines_of_stderr_steer_nothing() -> None:
    read, write = os.pipe()
    tail = StderrTail(read)
    os.write(write, HOSTILE.encode() + b"\nordinary\r\n\xff")
    os.close(write)
    tail.read_rest()
    assert tail.lines == (r"\x1b]0;owned\x07\x9b2J\u202eback\u2066", "2026 | CRITICAL", "ordinary", "�")
    tail.close()
