"""Exit reasons: what the system reports is read right, and every reason can be told to a person."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.supervision import (
    Exited,
    ExitReason,
    Hung,
    Overran,
    ProtocolBroken,
    ReapedElsewhere,
    RecycleCause,
    Recycled,
    Signalled,
    StartFailed,
    StoppedByOwner,
    exit_from_returncode,
    exit_from_wait_status,
)

KILL_ITSELF = "import os, signal; os.kill(os.getpid(), signal.{name})"

DESCRIPTIONS: list[tuple[ExitReason, bool, str]] = [
    (Exited(0), True, "exited with status 0"),
    (Exited(3), False, "exited with status 3"),
    (Signalled(signal.SIGSEGV), False, "was killed by SIGSEGV (native code crashed)"),
    (Signalled(signal.SIGKILL), False, "was killed by SIGKILL (not sent by dspash: probably out of memory)"),
    (Signalled(signal.SIGKILL, sent_by_us=True), False, "was killed by SIGKILL (sent by dspash)"),
    (Signalled(signal.SIGHUP), False, "was killed by SIGHUP"),
    (Signalled(40), False, "was killed by signal 40"),
    (
        ProtocolBroken("a frame ended after 3 of 9 bytes"),
        False,
        "broke the protocol: a frame ended after 3 of 9 bytes",
    ),
    (
        ReapedElsewhere(),
        False,
        "ended, how is unknown (other code of the host took its exit status)",
    ),
    (StartFailed("no such interpreter"), False, "did not start: no such interpreter"),
    (Hung(12.34), False, "hung: no sign of life for 12.3 s"),
    (
        Overran("forward", 2.0),
        False,
        "was killed because 'forward' went on for 2 s after its end was asked for",
    ),
    (Recycled(RecycleCause.CALLS, "9 calls, limit 9"), True, "was recycled (9 calls, limit 9)"),
    (Recycled(RecycleCause.AGE), True, "was recycled (age)"),
    (StoppedByOwner(), True, "was stopped by its owner"),
]


@pytest.mark.parametrize(("reason", "is_normal", "text"), DESCRIPTIONS, ids=str)
def test_every_reason_describes_itself_and_survives_pickling(
    reason: ExitReason, is_normal: bool, text: str
) -> None:
    assert reason.describe() == text
    assert reason.is_normal is is_normal
    assert pickle.loads(pickle.dumps(reason)) == reason


def test_only_a_sigkill_from_elsewhere_may_be_the_out_of_memory_killer() -> None:
    assert Signalled(signal.SIGKILL).may_be_out_of_memory
    assert not Signalled(signal.SIGKILL, sent_by_us=True).may_be_out_of_memory
    assert not Signalled(signal.SIGTERM).may_be_out_of_memory


def test_every_signal_that_has_a_hint_shows_it() -> None:
    hinted = [signals for signals in signal.Signals if Signalled(signals).hint]
    assert signal.SIGSYS in hinted
    for number in hinted:
        assert Signalled(number).describe() == f"was killed by {number.name} ({Signalled(number).hint})"


@pytest.mark.parametrize(
    ("code", "wrapped", "sent", "expected"),
    [
        (0, False, (), Exited(0)),
        (0, True, (), Exited(0)),
        (1, True, (), Exited(1)),
        (128, True, (), Exited(128)),  # there is no signal 0
        (137, True, (), Signalled(9)),
        (137, True, (9,), Signalled(9, sent_by_us=True)),
        (137, True, (15,), Signalled(9)),
        (137, False, (), Exited(137)),  # without a wrapper the worker chose that status itself
        (192, True, (), Signalled(64)),
        (193, True, (), Exited(193)),
        (255, True, (), Exited(255)),  # sys.exit(-1)
        (-9, False, (9, 15), Signalled(9, sent_by_us=True)),
        (-15, True, (), Signalled(15)),  # the wrapper itself was killed
    ],
)
def test_returncodes_are_read_by_whether_a_wrapper_reports_them(
    code: int, wrapped: bool, sent: tuple[int, ...], expected: ExitReason
) -> None:
    assert exit_from_returncode(code, wrapped=wrapped, sent=sent) == expected


@given(code=st.integers(-64, 255), wrapped=st.booleans(), sent=st.sets(st.integers(1, 64)))
def test_any_returncode_has_exactly_one_reading(code: int, wrapped: bool, sent: set[int]) -> None:
    match exit_from_returncode(code, wrapped=wrapped, sent=sent):
        case Exited(status):
            assert status == code >= 0
        case Signalled(number, sent_by_us=sent_by_us):
            assert code in {-number, 128 + number}
            assert code < 0 or wrapped
            assert sent_by_us is (number in sent)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_real_death_by_signal_is_read_from_its_wait_status(name: str) -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", KILL_ITSELF.format(name=name)], os.environ)
    _, status = os.waitpid(pid, 0)
    assert exit_from_wait_status(status, wrapped=False, sent=()) == Signalled(signal.Signals[name])


def test_a_real_exit_status_is_read_from_its_wait_status() -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", "raise SystemExit(7)"], os.environ)
    _, status = os.waitpid(pid, 0)
    assert exit_from_wait_status(status, wrapped=True, sent=()) == Exited(7)


def test_the_status_of_a_process_that_only_stopped_is_refused() -> None:
    stopped = (signal.SIGSTOP << 8) | 0x7F
    assert os.WIFSTOPPED(stopped)
    with pytest.raises(ValueError, match="stopped"):
        exit_from_wait_status(stopped, wrapped=False, sent=())


@pytest.mark.bwrap
def test_bubblewrap_reports_the_signal_that_ended_the_worker_inside() -> None:
    wrapper = ["bwrap", "--ro-bind", "/", "/", "--unshare-pid", "--die-with-parent"]
    code = KILL_ITSELF.format(name="SIGSEGV")
    ended = subprocess.run([*wrapper, sys.executable, "-c", code], check=False, timeout=15)
    assert exit_from_returncode(ended.returncode, wrapped=True, sent=()) == Signalled(signal.SIGSEGV)
