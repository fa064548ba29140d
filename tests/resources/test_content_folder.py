"""Folders: a program as plain files, written alike every time, and read from wherever they come."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspash.resources.content import ContentError, ProgramContent, ProgramFolder, read_folder, write_folder
from dspash.resources.content.toml_text import toml_text
from tests.resources.contents import program_contents, texts
from tests.resources.test_content import PROGRAM, STATE

LEARNED = ProgramFolder("Answers", "Answers questions.", PROGRAM.with_state(STATE))


@given(st.dictionaries(st.sampled_from("abcd"), texts | st.integers(0) | st.booleans() | st.lists(texts)))
def test_toml_reads_what_was_written(table: dict[str, str | int | bool | list[str]]) -> None:
    assert tomllib.loads(toml_text(table)) == table


@settings(max_examples=30)
@given(texts, texts, program_contents())
def test_a_program_is_the_same_after_it_was_a_folder(
    name: str, description: str, content: ProgramContent
) -> None:
    files = ProgramFolder(name, description, content).files()
    read = ProgramFolder.of_files(files.get)
    assert (read.name, read.description) == (name, description)
    assert read.content.to_map() == content.to_map()
    assert read.files() == files
    assert len({path.lower() for path in files}) == len(files)
    assert not any(part.startswith(".") for path in files for part in path.split("/"))


def test_a_folder_reads_well() -> None:
    files = LEARNED.files()
    assert files["program.toml"] == (
        'format = 1\nname = "Answers"\ndescription = "Answers questions."\nform = "forward_fn"\n'
        'modules = [\n    "qa",\n]\npredictors = [\n    "qa",\n]\n'
    )
    assert files["forward.py"] == PROGRAM.text
    assert files["predictors/qa/instructions.txt"] == "Answer.\n"
    assert files["predictors/qa/demos.json"] == (
        '[\n  {\n    "answer": "Ada",\n    "question": "Who?"\n  }\n]\n'
    )
    assert sorted(files) == [
        "forward.py",
        "modules/qa.json",
        "predictors/qa/demos.json",
        "predictors/qa/instructions.txt",
        "predictors/qa/state.json",
        "program.toml",
    ]


def test_one_change_changes_one_file() -> None:
    told = {
        "qa": {**STATE["qa"], "signature": {**STATE["qa"]["signature"], "instructions": "Answer briefly."}}
    }
    before, after = LEARNED.files(), replace(LEARNED, content=PROGRAM.with_state(told)).files()
    assert {path for path in before if before[path] != after[path]} == {"predictors/qa/instructions.txt"}


def test_names_that_lead_elsewhere_stay_in_the_folder() -> None:
    state: dict[str, Any] = dict.fromkeys(
        ("../../etc", "/etc/passwd", "..", "", "a/b", "steps[0]", "QA", "qa"), STATE["qa"]
    )
    folder = replace(LEARNED, content=PROGRAM.with_state(state))
    paths = [path for path in folder.files() if path.startswith("predictors/")]
    assert {len(path.split("/")) for path in paths} == {3}
    assert "predictors/qa~2/state.json" in paths
    assert ProgramFolder.of_files(folder.files().get).content == folder.content


def test_exporting_again_leaves_what_is_somebody_elses(tmp_path: Path) -> None:
    assert write_folder(tmp_path / "answers", LEARNED) == tuple(sorted(LEARNED.files()))
    folder = tmp_path / "answers"
    (folder / "README.md").write_text("ours")
    assert read_folder(folder) == LEARNED
    write_folder(folder, replace(LEARNED, content=PROGRAM))
    assert not (folder / "predictors").exists()
    assert (folder / "README.md").read_text() == "ours"
    assert read_folder(folder).content == PROGRAM


def test_a_folder_that_cannot_be_written_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(
        ContentError, match="it cannot be written: Not a directory; name a folder that can be"
    ):
        write_folder(tmp_path / "file" / "below", ProgramFolder("P", "", PROGRAM))


def test_a_folder_of_something_else_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ContentError, match=r"it has files and no program\.toml"):
        write_folder(tmp_path, LEARNED)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("path", "text", "place"),
    [
        ("program.toml", "name = ", "program.toml"),
        ("program.toml", 'format = 2\nname = "A"\nform = "source"\n', "program.toml"),
        ("program.toml", 'format = 1\nname = "A"\nform = "poem"\n', "program.toml.form"),
        ("program.toml", 'format = 1\nform = "class"\nclass = "os:system"\n', "program.toml.name"),
        ("program.toml", 'format = 1\nname = "A"\nform = "source"\n', "program.py"),
        (
            "program.toml",
            'format = 1\nname = "A"\nform = "source"\nsandbox = "process"',
            "program.toml.sandbox",
        ),
        ("modules/qa.json", "{", "modules/qa.json"),
        ("modules/qa.json", "[" * 100_000, "modules/qa.json"),
        ("modules/qa.json", '{"type": "predict", "config": {"temperature": NaN}}', "modules/qa.json"),
        ("modules/qa.json", '{"type": 1}', "modules/qa.json.type"),
        ("predictors/qa/state.json", "[]", "predictors/qa/state.json"),
    ],
)
def test_a_folder_that_cannot_be_read_names_the_file(
    tmp_path: Path, path: str, text: str, place: str
) -> None:
    write_folder(tmp_path, LEARNED)
    (tmp_path / path).write_text(text)
    with pytest.raises(ContentError) as caught:
        read_folder(tmp_path)
    assert caught.value.path == place


def test_a_folder_that_leads_out_of_itself_is_refused(tmp_path: Path) -> None:
    secret, folder = tmp_path / "secret", tmp_path / "folder"
    secret.mkdir()
    (secret / "qa.json").write_text('{"type": "predict"}')
    (secret / "key").write_text("s3cret")
    write_folder(folder, LEARNED)
    (folder / "forward.py").unlink()
    (folder / "forward.py").symlink_to(secret / "key")
    with pytest.raises(ContentError, match=r"forward\.py: it cannot be read"):
        read_folder(folder)
    write_folder(folder, LEARNED)
    assert (secret / "key").read_text() == "s3cret"
    (folder / "modules" / "qa.json").unlink()
    (folder / "modules").rmdir()
    (folder / "modules").symlink_to(secret)
    with pytest.raises(ContentError, match=r"modules/qa\.json: it leads out of the folder"):
        read_folder(folder)
    with pytest.raises(ContentError, match=r"modules/qa\.json: it leads out of the folder"):
        write_folder(folder, LEARNED)
    assert (secret / "qa.json").read_text() == '{"type": "predict"}'


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    write_folder(tmp_path, LEARNED)
    (tmp_path / "forward.py").unlink()
    os.mkfifo(tmp_path / "forward.py")
    with pytest.raises(ContentError, match=r"forward\.py: it is no plain file"):
        read_folder(tmp_path)
