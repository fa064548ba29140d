"""Staging: root binds what is wanted, becomes somebody else for good, and leaves nothing of it to see outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dspash.sandbox import staging
from dspash.sandbox.identity import sandbox_identity

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="staging is root's")

REPORT = """
import json, os
status = {name: value.strip() for name, _, value in (line.partition(":") for line in open("/proc/self/status"))}
print(json.dumps({
    "uid": os.getresuid(), "gid": os.getresgid(), "groups": os.getgroups(), "environment": dict(os.environ),
    "capabilities": status["CapEff"], "no_new_privs": status["NoNewPrivs"],
    "first": open("/mnt/0/file").read(), "second": open("/mnt/1").read(), "listed": sorted(os.listdir("/mnt")),
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd"))[:-1],
    "writable": [path for path in ("/mnt", "/mnt/0", "/mnt/0/file") if os.access(path, os.W_OK)],
}))
"""


def stage(sources: list[str], command: list[str], **changes: object) -> subprocess.CompletedProcess[str]:
    identity = sandbox_identity()
    plan = {"folder": "/mnt", "sources": sources, "uid": identity.uid, "gid": identity.gid, **changes}
    read, write = os.pipe()
    with os.fdopen(write, "w") as file:
        json.dump(plan, file)
    try:
        return subprocess.run(
            [sys.executable, "-I", "-S", staging.__file__, str(read), *command],
            pass_fds=[read],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    finally:
        os.close(read)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    """A folder that nobody but root can reach, with one that all may read in it."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    (folder / "open").mkdir(mode=0o755)
    (folder / "open" / "file").write_text("content")
    return folder


def test_files_below_a_closed_folder_are_reached_without_roots_rights(closed: Path) -> None:
    done = stage(
        [str(closed / "open"), str(closed / "open" / "file")], ["/usr/bin/python3", "-I", "-c", REPORT]
    )

    assert done.stderr == ""
    told = json.loads(done.stdout)
    identity = sandbox_identity()
    assert (told["first"], told["second"], told["listed"]) == ("content", "content", ["0", "1"])
    assert told["uid"] == [identity.uid] * 3
    assert told["gid"] == [identity.gid] * 3
    assert told["groups"] == []
    assert (told["capabilities"], told["no_new_privs"]) == ("0000000000000000", "1")
    assert told["writable"] == []
    assert told["descriptors"] == [0, 1, 2]
    assert told["environment"].keys() <= {"LC_CTYPE"}


def test_nothing_of_it_is_seen_outside(closed: Path) -> None:
    before = Path("/proc/self/mountinfo").read_text()

    stage([str(closed / "open")], ["/bin/true"])

    assert Path("/proc/self/mountinfo").read_text() == before


def test_a_source_below_the_staging_folder_itself_is_reached(open_folder: Path) -> None:
    (open_folder / "source").mkdir()
    (open_folder / "source" / "file").write_text("content")

    done = stage(
        [str(open_folder / "source")], ["/bin/cat", f"{open_folder}/0/file"], folder=str(open_folder)
    )

    assert (done.stdout, done.stderr) == ("content", "")
    assert (open_folder / "source" / "file").exists()


@pytest.mark.parametrize("made", ["missing", "link", "pipe"])
def test_a_source_that_is_not_what_was_checked_ends_it_with_the_reason(made: str, closed: Path) -> None:
    source = closed / made
    if made == "link":
        source.symlink_to("/etc/shadow")
    elif made == "pipe":
        os.mkfifo(source)

    done = stage([str(source)], ["/bin/echo", "ran"])

    assert (done.returncode, done.stdout) == (staging.FAILED, "")
    assert done.stderr.startswith("dspash could not stage a sandbox: ")


def test_a_user_that_cannot_be_ends_it_before_the_command(closed: Path) -> None:
    done = stage([str(closed / "open")], ["/bin/echo", "ran"], uid=2**32 - 1)

    assert done.stdout == ""
    assert done.returncode == staging.FAILED


def test_a_command_that_is_not_there_is_named(closed: Path) -> None:
    done = stage([str(closed / "open")], ["/no/such/bwrap"])

    assert done.returncode == staging.FAILED
    assert "No such file" in done.stderr
