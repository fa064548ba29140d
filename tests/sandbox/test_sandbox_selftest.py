"""The self-test: a confined worker gets nowhere, and one that gets somewhere is found out."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dspash import SandboxUnavailableError
from dspash.sandbox import Tier, ZygoteSpec, attempts, plan_for, selftest, zygote_command
from dspash.sandbox.selftest import examine
from dspash_protocol import Defect, Request, Result, Role, Session
from dspash_protocol.birth import MAX_DATAGRAM, Spawn, Up, read_from_zygote, write_datagram
from dspash_protocol.confinement_plan import Layer
from tests.leaks import no_leaks
from tests.sandbox.inside import BOUND_S, run_as_ordinary_user

TIERS = [Tier.STRICT, Tier.SHARED_NAMESPACES]


@contextmanager
def zygote(spec: ZygoteSpec) -> Generator[socket.socket]:
    """Start one; its control socket, once it is up."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, zygote_command(spec) as command:
        trusted = () if spec.tier.is_sandbox else ("--nests",)
        arguments = ("--control", str(theirs.fileno()), *(trusted or ("--sandbox",)))
        process = subprocess.Popen(
            (*command.argv, *arguments),
            stdin=subprocess.DEVNULL,
            env=command.environment,
            cwd=command.cwd,
            pass_fds=(*command.pass_fds, theirs.fileno()),
            start_new_session=True,
        )
        command.started()
        theirs.close()
        try:
            ours.settimeout(BOUND_S)
            assert isinstance(read_from_zygote(ours.recv(MAX_DATAGRAM)), Up)
            yield ours
        finally:
            process.kill()
            process.wait(BOUND_S)


def newborn(control: socket.socket, spec: ZygoteSpec, *, without: Layer | None = None) -> socket.socket:
    """Have a worker forked; our end of its channel."""
    plan = plan_for(spec)
    if without is not None:
        plan = dataclasses.replace(plan, layers=plan.layers - {without})
    ours, theirs = socket.socketpair()
    with theirs, Path(os.devnull).open("wb") as stderr:
        socket.send_fds(control, [write_datagram(Spawn(1, plan))], [theirs.fileno(), stderr.fileno()])
    return ours


@pytest.mark.bwrap
@pytest.mark.timeout(60)
@pytest.mark.parametrize("tier", TIERS)
def test_a_confined_worker_gets_nowhere(tier: Tier, tmp_path: Path) -> None:
    spec = ZygoteSpec.of(python=sys.executable, tier=tier)
    with no_leaks(tmp_path), zygote(spec) as control, newborn(control, spec) as channel:
        examine(channel, tier)


@pytest.mark.bwrap
@pytest.mark.timeout(60)
def test_a_worker_that_lacks_a_layer_is_found_out() -> None:
    spec = ZygoteSpec.of(python=sys.executable, tier=Tier.STRICT)
    with (
        zygote(spec) as control,
        newborn(control, spec, without=Layer.SECCOMP) as channel,
        pytest.raises(SandboxUnavailableError, match=r"a confined program can .*start a process") as refused,
    ):
        examine(channel, Tier.STRICT)

    assert (refused.value.tier, refused.value.probe) == ("strict", "self-test")


@pytest.mark.bwrap
@pytest.mark.timeout(60)
def test_an_ordinary_users_workers_get_nowhere_in_any_tier(home: Path) -> None:
    code = (
        "import sys\n"
        "from dspash.sandbox import Tier, ZygoteSpec\n"
        "from tests.sandbox.test_sandbox_selftest import examine, newborn, zygote\n"
        "for tier in (Tier.STRICT, Tier.SHARED_NAMESPACES, Tier.LANDLOCK):\n"
        "    spec = ZygoteSpec.of(python=sys.executable, tier=tier)\n"
        "    with zygote(spec) as control, newborn(control, spec) as channel:\n"
        "        examine(channel, tier)\n"
        "        print(tier)\n"
    )

    assert run_as_ordinary_user(code, home).split() == ["strict", "shared-namespaces", "landlock"]


@pytest.mark.skipif(os.geteuid() != 0, reason="some attempts need rights that only root has")
def test_every_attempt_goes_through_where_nothing_stops_it() -> None:
    """In a process of its own: it ends as root in another mount namespace."""
    code = (
        f"import json, sys; sys.path.insert(0, {str(Path(attempts.__file__).parent)!r}); import attempts\n"
        "print(json.dumps(attempts.try_all(json.load(sys.stdin))))"
    )
    with selftest._targets() as targets:
        done = subprocess.run(
            [sys.executable, "-I", "-c", code],
            input=json.dumps(targets),
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=True,
        )

    assert json.loads(done.stdout) == {"reached": list(attempts.ATTEMPTS), "held": []}


# --- workers that do not answer as they should ---


def answering(answer: Callable[[Request], Any]) -> socket.socket:
    """A channel to somebody who answers each request so."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        session = Session(Role.WORKER)
        with theirs:
            while data := theirs.recv(1 << 16):
                for request in session.receive(data):
                    assert not isinstance(request, Defect)
                    assert isinstance(request, Request)
                    result = {"protocol": 1} if request.command == "hello" else answer(request)
                    if result is None:
                        return
                    theirs.sendall(session.send(Result(request.id, result)))

    threading.Thread(target=serve, daemon=True).start()
    return ours


NAMES = list(attempts.ATTEMPTS)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ({"reached": [], "held": NAMES[1:]}, "did not account for"),
        ({"reached": [], "held": [*NAMES, NAMES[0]]}, "did not account for"),
        ({"reached": [], "held": [*NAMES, "another"]}, "another"),
        ({"reached": NAMES[:1], "held": NAMES[1:]}, f"can {NAMES[0]}"),
        ({"reached": 1, "held": NAMES}, "reached"),
        ({"held": NAMES}, "reached"),
        (["held"], "no list of attempts"),
        (None, "it ended"),
    ],
)
def test_an_answer_that_does_not_prove_it_is_a_failure(answer: Any, cause: str) -> None:
    with answering(lambda _: answer) as channel, pytest.raises(SandboxUnavailableError, match=cause):
        examine(channel, Tier.STRICT)


def test_the_answer_that_proves_it_passes() -> None:
    with answering(lambda _: {"reached": [], "held": NAMES}) as channel:
        examine(channel, Tier.STRICT)


def test_silence_is_a_failure_after_a_while() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(SandboxUnavailableError, match="timed out"):
        examine(ours, Tier.STRICT, timeout_s=0.05)


def test_noise_is_a_failure() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(b"\xff" * 64)
    with ours, theirs, pytest.raises(SandboxUnavailableError, match="could not be examined"):
        examine(ours, Tier.STRICT)
