"""A project, from `dspash init` on: its program runs, its examples are scored, its test passes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dspash.cli.exit_status import ExitStatus
from tests.cli.conftest import Run

pytestmark = pytest.mark.timeout(60)

BRIDGE = [
    "--input",
    "question=Who designed the bridge?",
    "--input",
    'notes:=["The bridge was designed by Ada."]',
]


@pytest.fixture
def made(dspash: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert dspash("init", "quiz").status == 0
    monkeypatch.chdir(project / "quiz")
    return project / "quiz"


def test_init_says_what_it_made(dspash: Run, project: Path) -> None:
    told = dspash("init", "quiz", "--json").value

    assert told["folder"] == str(project / "quiz")
    assert sorted(told["files"]) == sorted(
        str(path.relative_to(project / "quiz")) for path in (project / "quiz").rglob("*") if path.is_file()
    )
    assert "# quiz" in (project / "quiz" / "README.md").read_text()


@pytest.mark.parametrize("name", ["quiz", "-x", "..", "a b", ""])
def test_init_never_writes_over_anything(dspash: Run, project: Path, name: str) -> None:
    (project / "quiz").mkdir()
    (project / "quiz" / "mine.txt").write_text("mine")

    done = dspash("init", "--", name)

    assert done.status == ExitStatus.BAD_INPUT
    assert [path.name for path in (project / "quiz").iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_the_test_of_a_new_project_passes(made: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unittest", "discover", "tests"],
        capture_output=True, text=True, timeout=55, check=False, cwd=made,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "Ran 1 test" in done.stderr


@pytest.mark.slow
def test_the_program_of_a_new_project_runs_and_is_scored(dspash: Run, made: Path) -> None:
    ran = dspash("run", "programs/answer.py", *BRIDGE, "--json")
    assert ran.value["outputs"]["answer"] == "Ada"

    scored = dspash("eval", "programs/answer.py", "data/questions.jsonl", "--metric", "f1_score", "--json")
    assert (scored.status, scored.value["total"], scored.value["failed"]) == (0, 5, 0)
    assert scored.value["score"] == pytest.approx(1.0)


@pytest.mark.slow
def test_a_program_is_scored_by_name_on_a_dataset(dspash: Run, made: Path) -> None:
    assert dspash("run", "programs/answer.py", *BRIDGE).status == 0
    imported = dspash("datasets", "import", "--name", "quiz", "--path", "data/questions.jsonl", "--json")
    assert imported.status == 0, imported.err

    scored = dspash("eval", "answer", "quiz", "--limit", "3", "--json")

    assert (scored.status, scored.value["total"], scored.value["score"]) == (0, 3, 1.0)
    assert dspash("evaluations", "count", "--json").value == 1
    assert dspash("eval", "answer", "none/dev").status == ExitStatus.BAD_INPUT


@pytest.mark.slow
def test_versions_are_compared(dspash: Run, made: Path) -> None:
    source = made / "programs" / "answer.py"
    dspash("run", "programs/answer.py", *BRIDGE)
    source.write_text(source.read_text().replace("as short as it can be", "in one word"))
    dspash("run", "programs/answer.py", *BRIDGE)

    shown = dspash("programs", "diff", "answer", "--before", "1", "--after", "2")
    told = dspash("programs", "diff", "answer", "--before", "1", "--after", "2", "--json").value

    assert shown.out.startswith("answer@1 -> answer@2\n")
    assert "in one word" in shown.out
    assert (told["before"], told["after"]) == ("answer@1", "answer@2")
    assert "no difference" in dspash("programs", "diff", "answer", "--before", "2", "--after", "2").out


@pytest.mark.slow
def test_a_score_that_is_too_low_fails(dspash: Run, made: Path) -> None:
    (made / "one.jsonl").write_text(
        '{"question": "Who?", "notes": ["Ada."], "answer": "nobody of that name"}\n'
    )

    done = dspash("eval", "programs/answer.py", "one.jsonl", "--fail-under", "0.9", "--json")

    assert (done.status, done.value["score"], done.value["failed"]) == (ExitStatus.FAILED, 0.0, 0)


@pytest.mark.slow
def test_rows_are_answered_in_order_and_one_that_fails_costs_no_other(
    dspash: Run, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"question": "Who designed it?", "notes": [f"It was designed by {name}."]} for name in ["Ada", "Bo"]
    ]
    lines = [json.dumps(rows[0]), json.dumps({"question": "Who?"}), json.dumps(rows[1]), "no JSON"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))

    done = dspash("run", "programs/answer.py", "-")

    told = [json.loads(line) for line in done.out.splitlines()]
    assert [one["index"] for one in told] == [0, 1, 2]
    assert [one.get("outputs", {}).get("answer") for one in told] == ["Ada", None, "Bo"]
    assert told[1]["error"]["type"] == "InvalidInputError"
    assert "notes" in told[1]["error"]["message"]
    assert done.status == ExitStatus.BAD_INPUT
    assert "stdin, line 4" in done.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["programs/none.py", "--input", "a=1"], "programs/none.py"),
        (["programs/answer.py", "--input", "question"], "--input"),
        (["programs/answer.py", "rows.jsonl"], "--file"),
        (["programs/answer.py", "--file", "none.jsonl"], "none.jsonl"),
        (["programs/answer.py", "-", "--input", "a=1"], "--input"),
        (["programs/answer.py", "-", "--file", "x.jsonl"], "--file"),
        (["programs/answer.py", "--timeout-s", "0"], "--timeout-s: "),
    ],
)
def test_what_cannot_be_run_is_named(dspash: Run, made: Path, arguments: list[str], told: str) -> None:
    done = dspash("run", *arguments)

    assert done.status == ExitStatus.BAD_INPUT
    assert told in done.err
    assert done.err.count("\n") == 1


def test_status_counts_what_there_is(dspash: Run, made: Path) -> None:
    dspash("signatures", "create", "--name", "QA", "--inputs", "question", "--outputs", "answer")

    told = dspash("status", "--json").value

    assert told["settings"] == str(made / "dspash.toml")
    assert told["database"]["address"] == str(made / "records.db")
    assert told["records"]["signatures"] == {"total": 1}
    assert "signatures" in dspash("status").out


def test_resources_are_described(dspash: Run) -> None:
    described = dspash("resources", "--json").value
    assert "Signature" in [one["name"] for one in described["resources"]]

    one = dspash("resources", "signatures", "--json").value
    assert "content_hash" in [attribute["name"] for attribute in one["attributes"]]
    assert "content_hash" in dspash("resources", "Signature").out
    assert dspash("resources", "poems").status == ExitStatus.BAD_INPUT
    assert "signatures" in dspash("resources", "poems").err


def test_config_says_where_values_come_from(dspash: Run, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSPASH_DATABASE_URL", "postgresql://me:secret@host/name")

    told = dspash("config", "--json")
    shown = {one["setting"]: (one["value"], one["origin"]) for one in told.value["settings"]}

    assert shown["database_url"] == ("postgresql://me:***@host/name", "DSPASH_DATABASE_URL")
    assert shown["workers"][1].startswith(f"{made / 'dspash.toml'}, line ")
    assert shown["tenant"] == ("default", "default")
    assert "secret" not in told.out + dspash("config").out


def test_settings_are_described_without_reading_any(dspash: Run, project: Path) -> None:
    (project / "dspash.toml").write_text("nonsense = 1")

    assert dspash("config").status == ExitStatus.BAD_INPUT
    described = dspash("config", "--describe", "--json").value
    assert {"setting", "variable", "meaning", "schema"} <= described[0].keys()
    assert "DSPASH_WORKERS" in dspash("config", "--describe").out


def test_the_database_is_looked_at_and_upgraded(dspash: Run, project: Path) -> None:
    before = dspash("db", "status", "--json")
    assert (before.status, before.value["current"]) == (ExitStatus.FAILED, None)
    assert "dspash db upgrade" in dspash("db", "status").out

    upgraded = dspash("db", "upgrade", "--json").value
    assert upgraded["database"] == str(project / "records.db")
    assert (upgraded["current"], upgraded["pending"]) == (upgraded["newest"], [])
    assert dspash("db", "status").status == 0
    assert "status" in dspash("db").out


@pytest.mark.usefixtures("either_database")
def test_records_go_to_a_file_and_come_back(
    dspash: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dspash("signatures", "create", "--name", "QA", "--inputs", "question", "--outputs", "answer")

    assert dspash("db", "export", "all.jsonl", "--json").value["records"]["Signature"] == 1
    assert dspash("db", "export", "all.jsonl").status == ExitStatus.BAD_INPUT
    assert dspash("db", "export", "-").out == (project / "all.jsonl").read_text()
    assert dspash("db", "vacuum", "--json").value["bytes_after"] > 0

    monkeypatch.setenv("DSPASH_DATABASE_URL", "other.db")
    assert dspash("db", "import", "all.jsonl", "--json").value["records"]["Signature"] == 1
    assert dspash("signatures", "show", "QA").status == 0
    assert dspash("db", "import", "none.jsonl").status == ExitStatus.BAD_INPUT


def test_an_import_of_what_is_no_export_changes_nothing(dspash: Run, project: Path) -> None:
    (project / "no.jsonl").write_text("{}\n")

    assert dspash("db", "import", "no.jsonl").status == ExitStatus.BAD_INPUT
    assert dspash("signatures", "count", "--json").value == 0


@pytest.mark.slow
def test_a_program_is_improved_as_a_run_that_the_same_command_continues(dspash: Run, made: Path) -> None:
    assert dspash("run", "programs/answer.py", *BRIDGE).status == 0
    words = ("optimize", "answer", "data/questions.jsonl", "--optimizer", "labeled_fewshot", "-c", "k:=2")
    first = dspash(*words, "--run", "nightly", "--json")
    assert (first.status, first.value["version"], first.value["run"]) == (0, 2, "nightly"), first.err

    again = dspash(*words, "--run", "nightly", "--json")
    other = dspash(*words, "--seed", "1", "--run", "nightly")

    assert again.value == first.value
    assert dspash("runs", "count", "--json").value == 1
    assert other.status == ExitStatus.REFUSED
    assert "seed was 0 and is 1" in other.err
    assert dspash(*words, "--force").status == ExitStatus.BAD_INPUT
