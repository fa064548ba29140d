"""Networks: no two workers that live share one, and what a dead one leaves is the next one's."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dspash.sandbox import Tier, ZygoteSpec, plan_for
from dspash_protocol.birth import MAX_DATAGRAM, Born, Ended, Spawn, read_from_zygote, write_datagram
from tests.sandbox.test_sandbox_selftest import zygote

_IN_USER_NAMESPACE = """
import os, socket, fcntl, struct
from dspash_worker.confinement import kernel
from dspash_worker.confinement.namespaces import CLONE_NEWUSER
from dspash_worker.zygote.networks import Networks
kernel.unshare(CLONE_NEWUSER)
networks = Networks()
seen = []
def enter():
    seen.append(networks.enter())
    return os.stat("/proc/self/ns/net").st_ino
first, second = enter(), enter()
networks.give_back(seen[0])
third = enter()
flags = struct.pack("16sh14x", b"lo", 0)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    (is_up,) = struct.unpack_from("h", fcntl.ioctl(sock, 0x8913, flags), 16)
print(first != second, third == first, is_up & 1, [name for _, name in socket.if_nameindex()])
"""


@dataclass
class Life:
    """A worker of a zygote."""

    pid: int
    pidfd: int
    channel: socket.socket

    @property
    def network(self) -> int:
        """The number of its network namespace."""
        lines = Path(f"/proc/self/fdinfo/{self.pidfd}").read_text().splitlines()
        pid = next(line.split()[1] for line in lines if line.startswith("Pid:"))
        return Path(f"/proc/{pid}/ns/net").stat().st_ino


def bear(control: socket.socket, spec: ZygoteSpec, number: int) -> Life:
    ours, theirs = socket.socketpair()
    with theirs, Path(os.devnull).open("wb") as stderr:
        datagram = write_datagram(Spawn(number, plan_for(spec)))
        socket.send_fds(control, [datagram], [theirs.fileno(), stderr.fileno()])
    told, descriptors, _, _ = socket.recv_fds(control, MAX_DATAGRAM, 4)
    born = read_from_zygote(told)
    assert isinstance(born, Born)
    return Life(born.pid, descriptors[0], ours)


def end(control: socket.socket, life: Life) -> None:
    signal.pidfd_send_signal(life.pidfd, signal.SIGKILL)
    ended = read_from_zygote(control.recv(MAX_DATAGRAM))
    assert isinstance(ended, Ended)
    assert ended.pid == life.pid
    os.close(life.pidfd)
    life.channel.close()


@pytest.mark.bwrap
@pytest.mark.timeout(60)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look at a worker that is not dumpable")
def test_no_two_workers_that_live_share_a_network() -> None:
    spec = ZygoteSpec.of(python=sys.executable, tier=Tier.STRICT)
    with zygote(spec) as control:
        first, second = bear(control, spec, 1), bear(control, spec, 2)
        before = first.network
        assert len({before, second.network, Path("/proc/self/ns/net").stat().st_ino}) == 3

        end(control, first)
        third = bear(control, spec, 3)
        assert third.network == before
        for life in (second, third):
            end(control, life)


def test_a_network_is_empty_and_its_loopback_down() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _IN_USER_NAMESPACE], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stdout.split(maxsplit=3) == ["True", "True", "0", "['lo']\n"], done.stderr
