"""User mounts: read-only, by name, and never what could be swapped or says too much."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from dspash import ConfigurationError
from dspash.sandbox import Tier, ZygoteSpec
from dspash.sandbox.mounts import read_mounts
from tests.sandbox.inside import run_inside, strict

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root's sandboxes have a user of their own")


def refusal(path: str, source: object, name: str = "docs") -> str:
    with pytest.raises(ConfigurationError) as refused:
        read_mounts({name: source})  # type: ignore[dict-item]
    assert refused.value.path == path
    return f"{refused.value.problem}; {refused.value.way_out}"


@pytest.mark.bwrap
def test_a_mount_is_seen_by_its_name_and_cannot_be_written(open_folder: Path) -> None:
    (open_folder / "page").write_text("text")
    code = (
        "import os\n"
        "print(os.listdir('/mnt'), open('/mnt/docs/page').read(), open('/mnt/one').read())\n"
        "for name in ('/mnt/docs/new', '/mnt/docs/page', '/mnt/new'):\n"
        "    try: open(name, 'a')\n"
        "    except OSError as error: print(error.strerror)\n"
    )

    told = run_inside(strict(mounts={"docs": open_folder, "one": open_folder / "page"}), code).splitlines()

    assert sorted(told[0].split("]")[0][2:-1].replace("'", "").split(", ")) == ["docs", "one"]
    assert told[0].endswith("text text")
    assert set(told[1:]) <= {"Read-only file system", "Permission denied"}
    assert len(told) == 4


def test_a_symbolic_link_is_mounted_as_what_it_leads_to(open_folder: Path) -> None:
    (open_folder / "real").mkdir()
    (open_folder / "link").symlink_to(open_folder / "real")

    (mount,) = read_mounts({"docs": open_folder / "link"})

    assert (mount.source, mount.target) == (str(open_folder / "real"), "/mnt/docs")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/a", ".hidden", "a b", "a\0", "x" * 65, 3])
def test_a_name_that_is_no_plain_word_is_refused(name: object, open_folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not a name"):
        read_mounts({name: open_folder})  # type: ignore[dict-item]


@pytest.mark.parametrize("source", ["/", "/etc", "/home", "/var", "/proc/self", "/sys", "/dev/shm", "/run"])
def test_what_says_too_much_is_refused(source: str) -> None:
    if not Path(source).exists():
        pytest.skip(f"there is no {source} here")
    with pytest.raises(ConfigurationError):
        read_mounts({"docs": source})


def test_a_home_is_refused_and_a_folder_in_it_is_not(
    monkeypatch: pytest.MonkeyPatch, open_folder: Path
) -> None:
    monkeypatch.setenv("HOME", str(open_folder))
    (open_folder / "docs").mkdir()

    assert "more than a sandbox should see" in refusal("mounts.docs", open_folder)
    assert "more than a sandbox should see" in refusal("mounts.docs", open_folder.parent)
    assert read_mounts({"docs": "~/docs"})[0].source == str(open_folder / "docs")


def test_what_does_not_exist_is_refused(open_folder: Path) -> None:
    assert "cannot be opened" in refusal("mounts.docs", open_folder / "missing")
    assert "cannot be opened" in refusal("mounts.docs", "a\0b")
    assert "not a path" in refusal("mounts.docs", 7)


def test_what_is_no_file_is_refused(open_folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(open_folder / "socket"))
        os.mkfifo(open_folder / "pipe")

        assert "neither a folder nor a plain file" in refusal("mounts.docs", open_folder / "socket")
        assert "neither a folder nor a plain file" in refusal("mounts.docs", open_folder / "pipe")


def test_a_folder_below_one_that_anybody_can_change_is_refused(open_folder: Path) -> None:
    docs = open_folder / "shared" / "docs"
    docs.mkdir(parents=True)
    docs.parent.chmod(0o777)

    assert "can be changed by anybody" in refusal("mounts.docs", docs)
    docs.parent.chmod(0o1777)  # as /tmp: nobody can swap what is another's
    assert read_mounts({"docs": docs})


@ROOT_ONLY
def test_a_folder_that_the_sandboxs_user_cannot_read_is_refused_with_the_remedy(open_folder: Path) -> None:
    docs = open_folder / "docs"
    docs.mkdir(mode=0o700)

    assert f"chmod o+rx {docs}" in refusal("mounts.docs", docs)


def test_a_mount_that_leads_elsewhere_when_the_zygote_starts_is_refused(open_folder: Path) -> None:
    docs = open_folder / "docs"
    docs.mkdir()
    spec = strict(mounts={"docs": docs})
    docs.rmdir()
    docs.symlink_to("/usr/share")

    with pytest.raises(ConfigurationError, match="leads elsewhere"):
        run_inside(spec, "")


def test_only_sandboxes_of_their_own_file_system_have_mounts(open_folder: Path) -> None:
    for tier in (Tier.PROCESS, Tier.LANDLOCK):
        with pytest.raises(ConfigurationError, match="mounts"):
            ZygoteSpec.of(python="python3", tier=tier, mounts={"docs": open_folder})


def test_more_mounts_than_anybody_needs_are_refused(open_folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="too many"):
        read_mounts({f"m{number}": open_folder for number in range(33)})
