"""Shutdown: what runs may end, what comes is refused, everything is answered, and the process is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dspash_protocol import FaultKind, Progress, Request, Result
from dspash_worker.exit import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from worker.conftest import ShellHost, StartShell


def test_idle_worker_answers_and_leaves(shell: ShellHost) -> None:
    stopping = shell.ask("shutdown")
    assert shell.result(stopping) == {"outcomes": {}}
    assert shell.read_to_end() == []
    assert shell.exit_code() == ExitCode.DONE
    assert shell.stderr == ""


def test_running_calls_end_before_the_shutdown_is_answered(shell: ShellHost) -> None:
    asking = shell.play("ask")
    request = shell.request()
    stopping = shell.ask("shutdown", {"grace_s": 60})
    shell.send(Result(request.id, "in time"))
    assert shell.result(stopping) == {"outcomes": {"result": 1}}
    assert shell.result(asking) == "in time"
    assert list(shell.replies)[-2:] == [asking, stopping]
    assert shell.exit_code() == ExitCode.DONE


def test_request_after_shutdown_is_refused(shell: ShellHost) -> None:
    asking = shell.play("ask")
    request = shell.request()
    stopping = shell.ask("shutdown", {"grace_s": 60})
    shell.send_raw({"id": 900, "command": "ping"})
    fault = shell.fault(900)
    assert (fault.kind, fault.retryable, fault.progress) == (FaultKind.UNAVAILABLE, True, Progress.SENT)
    shell.send(Result(request.id, None))
    shell.result(asking)
    shell.result(stopping)
    assert shell.exit_code() == ExitCode.DONE


def test_calls_that_outlast_the_grace_are_cancelled(start_shell: StartShell) -> None:
    host = start_shell("--concurrency", "1")
    host.greet()
    running = host.start("wait")
    queued = host.play("echo")
    stopping = host.ask("shutdown", {"grace_s": 0.01})
    for request_id, progress in ((running, Progress.STARTED), (queued, Progress.SENT)):
        fault = host.fault(request_id)
        assert (fault.kind, fault.retryable, fault.progress) == (FaultKind.UNAVAILABLE, True, progress)
    assert host.result(stopping) == {"outcomes": {"unavailable": 2}}
    assert host.exit_code() == ExitCode.DONE


def test_call_stuck_in_c_is_answered_in_its_stead(untraced_shell: ShellHost) -> None:
    stuck = untraced_shell.start("stuck_in_c")
    stopping = untraced_shell.ask("shutdown", {"grace_s": 0})
    assert untraced_shell.fault(stuck).kind is FaultKind.UNAVAILABLE
    untraced_shell.result(stopping)
    assert untraced_shell.read_to_end() == []
    assert untraced_shell.exit_code() == ExitCode.DONE


@pytest.mark.parametrize("grace_s", [-1, "5", 1e9, True])
def test_grace_that_does_not_fit_is_refused_but_the_worker_leaves(shell: ShellHost, grace_s: Any) -> None:
    fault = shell.fault(shell.ask("shutdown", {"grace_s": grace_s}))
    assert fault.details["path"] == "$.grace_s"
    assert shell.exit_code() == ExitCode.DONE


def test_shutdown_in_plain_mode_is_answered_last(start_shell: StartShell) -> None:
    host = start_shell()
    calls = [host.play("echo", value=number) for number in range(20)]
    stopping = host.ask("shutdown")
    host.result(stopping)
    assert sorted(host.replies) == sorted([*calls, stopping])
    assert next(reversed(host.replies)) == stopping
    assert host.exit_code() == ExitCode.DONE


def test_shutdown_as_the_first_request_is_answered(start_shell: StartShell) -> None:
    host = start_shell()
    host.write(host.session.send(Request(1, "shutdown", {})))
    host.result(1)
    assert host.exit_code() == ExitCode.DONE


def test_exit_functions_run_and_prints_are_flushed(start_shell: StartShell, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, sys; atexit.register(lambda: sys.stdout.write('no newline at the end'))"
    )
    host = start_shell(PYTHONPATH=str(tmp_path))
    host.greet()
    host.result(host.ask("shutdown"))
    assert host.exit_code() == ExitCode.DONE
    assert "no newline at the end" in host.stderr


def test_exit_function_that_hangs_does_not_keep_the_process(start_shell: StartShell, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import atexit, time; atexit.register(time.sleep, 3600)")
    host = start_shell(PYTHONPATH=str(tmp_path))
    host.greet()
    host.close()
    assert host.exit_code() == ExitCode.DONE
