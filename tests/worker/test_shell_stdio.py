"""The protocol's pipes are private: nothing user code writes, starts or forks can reach them."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dspash_worker.exit import ExitCode

if TYPE_CHECKING:
    from worker.conftest import ShellHost, StartShell

SCENES = Path(__file__).with_name("shell_worker.py")


def through_sh(redirection: str) -> list[str]:
    """Start the worker from a shell that first does something to its descriptors."""
    worker = shlex.join([sys.executable, "-P", str(SCENES)])
    return ["sh", "-c", f"{redirection}; exec {worker} " + '"$@"', "sh"]


def test_prints_of_python_c_and_children_go_to_stderr_and_never_into_a_frame(
    start_shell: StartShell, link: str
) -> None:
    host = start_shell(link=link)
    host.greet()
    assert host.result(host.play("shout")) == {"read": ""}
    host.roundtrip()
    assert host.unasked == []
    for line in ("printed by python", "written to descriptor 1", "put by C", "said by a child"):
        assert line in host.stderr


def test_banner_of_an_import_that_comes_before_the_worker_goes_to_stderr(
    start_shell: StartShell, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('banner of a site')")
    host = start_shell(PYTHONPATH=str(tmp_path))
    host.greet()
    host.close()
    assert host.exit_code() == ExitCode.DONE
    assert "banner of a site" in host.stderr


def test_only_the_three_standard_descriptors_can_be_inherited(start_shell: StartShell, link: str) -> None:
    host = start_shell(link=link)
    host.greet()
    open_ones = host.result(host.play("open_descriptors"))
    assert open_ones["0"] == os.devnull
    assert open_ones["1"] == open_ones["2"]
    assert set(open_ones) == {"0", "1", "2"}


def test_child_that_outlives_the_worker_does_not_hold_the_pipe_open(
    start_shell: StartShell, link: str
) -> None:
    host = start_shell(link=link)
    host.greet()
    child = host.result(host.play("leave_child"))
    try:
        host.process.kill()
        assert host.read_to_end() == []
    finally:
        os.kill(child, signal.SIGKILL)


def test_fork_that_returns_from_its_call_says_nothing_to_the_host(shell: ShellHost) -> None:
    assert shell.result(shell.play("fork_and_return")) == ExitCode.FORKED
    shell.roundtrip()
    assert shell.unasked == []


def test_fork_that_asks_the_host_finds_the_pipe_gone(shell: ShellHost) -> None:
    assert shell.result(shell.play("fork_and_ask")) == 17
    shell.roundtrip()
    assert shell.unasked == []


def test_print_of_a_lone_surrogate_does_not_fail(start_shell: StartShell, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit; atexit.register(lambda: print('printed \\udcff late'))"
    )
    host = start_shell(PYTHONPATH=str(tmp_path))
    host.greet()
    host.close()
    assert host.exit_code() == ExitCode.DONE
    assert "printed \\udcff late" in host.stderr


def test_worker_without_stderr_still_serves(start_shell: StartShell) -> None:
    host = start_shell(entry=through_sh("exec 2>&-"))
    host.greet()
    assert host.result(host.play("shout")) == {"read": ""}


def test_worker_that_may_open_few_files_still_serves(start_shell: StartShell) -> None:
    host = start_shell(entry=through_sh("ulimit -n 64"))
    host.greet()
    host.roundtrip()


@pytest.mark.parametrize("redirection", ["exec <&-", "exec >&-"])
def test_worker_without_a_pipe_refuses_to_start(start_shell: StartShell, redirection: str) -> None:
    real = ["sh", "-c", f"{redirection}; exec {shlex.quote(sys.executable)} -P -m dspash_worker"]
    host = start_shell(entry=real)
    assert host.exit_code() == ExitCode.USAGE
    assert "must be open" in host.stderr


@pytest.mark.parametrize("options", [["--concurrency", "0"], ["--max-frame", "12"], ["--colour"]])
def test_option_that_does_not_fit_is_named(start_shell: StartShell, options: list[str]) -> None:
    host = start_shell(*options, entry=[sys.executable, "-P", "-m", "dspash_worker"])
    assert host.exit_code() == ExitCode.USAGE
    assert options[0] in host.stderr
