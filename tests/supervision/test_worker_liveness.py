"""Liveness: a worker whose heartbeat is starved is busy, one that does nothing is hung."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspash.supervision import (
    Alive,
    Busy,
    Hung,
    LivenessLimits,
    Phase,
    ProcessState,
    StartFailed,
    Verdict,
    Vitals,
    judge,
)

LIMITS = LivenessLimits(heartbeat_s=1.0, missed=5, boot_timeout_s=60.0)
IMPORTING = 0.95
GIL_NEVER_RELEASED = 0.04  # what sixteen threads waiting for it use up


@pytest.mark.parametrize(
    ("silent_s", "cpu_share", "state", "verdict"),
    [
        (0.2, 0.0, ProcessState.SLEEPING, Alive()),
        (5.0, 0.0, ProcessState.SLEEPING, Alive()),
        (5.0, 0.0, ProcessState.STOPPED, Alive()),  # a stop that short is forgiven
        (5.1, 0.0, ProcessState.SLEEPING, Hung(5.1)),
        (5.1, GIL_NEVER_RELEASED, ProcessState.SLEEPING, Hung(5.1)),
        (5.1, IMPORTING, ProcessState.SLEEPING, Busy(5.1)),  # the work is in another thread than the main one
        (5.1, 0.1, ProcessState.SLEEPING, Busy(5.1)),
        (900.0, IMPORTING, ProcessState.RUNNING, Busy(900.0)),
        (5.1, 0.0, ProcessState.RUNNING, Busy(5.1)),  # wants to run, on a machine that is overloaded
        (5.1, 0.0, ProcessState.DISK_SLEEP, Busy(5.1)),
        (5.1, IMPORTING, ProcessState.STOPPED, Hung(5.1)),
        (5.1, 0.0, ProcessState.TRACING_STOP, Hung(5.1)),
        (5.1, 0.0, ProcessState.ZOMBIE, Hung(5.1)),
    ],
)
def test_a_silent_worker_is_judged_by_what_its_process_does(
    silent_s: float, cpu_share: float, state: ProcessState, verdict: Verdict
) -> None:
    assert judge(Vitals(Phase.RUNNING, silent_s, cpu_share, state), LIMITS) == verdict


@pytest.mark.parametrize("state", ProcessState)
@pytest.mark.parametrize("cpu_share", [0.0, IMPORTING])
def test_a_booting_worker_may_be_silent_until_its_time_is_up(state: ProcessState, cpu_share: float) -> None:
    assert judge(Vitals(Phase.BOOTING, 59.9, cpu_share, state), LIMITS) == Alive()
    late = judge(Vitals(Phase.BOOTING, 60.0, cpu_share, state), LIMITS)
    assert late == StartFailed(f"not ready within 60 s, process {state}")


def test_a_worker_without_a_boot_timeout_boots_for_as_long_as_it_takes() -> None:
    patient = LivenessLimits(boot_timeout_s=math.inf)
    assert judge(Vitals(Phase.BOOTING, 1e9, 0.0, ProcessState.SLEEPING), patient) == Alive()


@given(
    phase=st.sampled_from(Phase),
    silent_s=st.floats(0, 1e6),
    cpu_share=st.floats(0, 64),
    state=st.sampled_from(ProcessState),
)
def test_nothing_that_spoke_in_time_is_ever_killed(
    phase: Phase, silent_s: float, cpu_share: float, state: ProcessState
) -> None:
    patience_s = LIMITS.boot_timeout_s if phase is Phase.BOOTING else LIMITS.silence_s
    verdict = judge(Vitals(phase, silent_s, cpu_share, state), LIMITS)
    if silent_s < patience_s:
        assert verdict == Alive()
    elif silent_s > patience_s:
        assert verdict != Alive()


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("running", ProcessState.RUNNING),
        ("disk-sleep", ProcessState.DISK_SLEEP),
        ("tracing-stop", ProcessState.TRACING_STOP),
        ("idle", ProcessState.SLEEPING),
        ("", ProcessState.SLEEPING),
    ],
)
def test_process_states_are_read_from_psutils_words(word: str, state: ProcessState) -> None:
    assert ProcessState.from_word(word) is state


def test_the_words_are_those_psutil_uses() -> None:
    import psutil

    used = {
        psutil.STATUS_RUNNING,
        psutil.STATUS_SLEEPING,
        psutil.STATUS_DISK_SLEEP,
        psutil.STATUS_STOPPED,
        psutil.STATUS_TRACING_STOP,
        psutil.STATUS_ZOMBIE,
    }
    assert used == {str(state) for state in ProcessState}
