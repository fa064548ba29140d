"""What a program leaves in its output folder is sent, file by file, and nothing else is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dspash_protocol import EventKind
from dspash_worker.output_folder import PIECE_BYTES, read_folder, send_files


class Heard:
    """Stands where a call does, and keeps what is emitted."""

    def __init__(self) -> None:
        self.pieces: list[dict[str, Any]] = []

    def emit(self, kind: EventKind, data: Any) -> None:
        assert kind is EventKind.FILE
        self.pieces.append(data)

    @property
    def files(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for piece in self.pieces:
            found[piece["path"]] = found.get(piece["path"], b"") + piece["data"]
        return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    made = read_folder("out", path="$.files")
    assert made is not None
    return made


def sent(folder: Path) -> Heard:
    heard = Heard()
    send_files(heard, folder)  # pyright: ignore[reportArgumentType]
    return heard


def test_files_are_sent_by_their_paths_below_the_folder(folder: Path) -> None:
    (folder / "b.txt").write_bytes(b"second")
    (folder / "a.txt").write_bytes(b"")
    (folder / "sub").mkdir()
    (folder / "sub" / "c.bin").write_bytes(bytes(3 * PIECE_BYTES))
    heard = sent(folder)
    assert heard.files == {"a.txt": b"", "b.txt": b"second", "sub/c.bin": bytes(3 * PIECE_BYTES)}
    assert [piece["more"] for piece in heard.pieces] == [False, False, True, True, False]


def test_a_file_whose_name_is_no_text_costs_no_other(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"first")
    strange = folder / os.fsdecode(b"\xff")
    strange.mkdir()
    (strange / "b.txt").write_bytes(b"second")
    (folder / os.fsdecode(b"\xff\xfe")).write_bytes(b"third")
    assert sent(folder).files == {"a.txt": b"first"}


def test_links_and_what_is_no_file_stay_where_they_are(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not below the folder")
    (folder / "link").symlink_to(secret)
    (folder / "folder").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "fifo")
    assert sent(folder).files == {}


def test_a_call_that_wants_no_files_makes_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_folder(None, path="$.files") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "/etc", ".hidden", 7])
def test_only_a_plain_name_is_a_folder(name: object, folder: Path) -> None:
    with pytest.raises(Exception, match="files"):
        read_folder(name, path="$.files")
