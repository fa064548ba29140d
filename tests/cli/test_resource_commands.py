"""Resource commands: made from the domain's description, one group a resource, one command an action."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dspash.cli.domain import command_name, read_domain
from dspash.cli.exit_status import ExitStatus
from dspash.cli.resource_commands import name_of
from dspash.cli.resource_group import INDEX_FILE, make_index, read_index, special_commands
from dspash.resources import DOMAIN
from tests.cli.conftest import Run

FORMS = read_domain(DOMAIN.describe())
ACTIONS = [
    (name, one)
    for name, form in FORMS.items()
    for one in form.actions
    if name_of(form, one) not in special_commands(name)
]


def make(dspash: Run, name: str, **options: str) -> Any:
    given = {"inputs": "question", "outputs": "answer", **options}
    flags = [part for key, value in given.items() for part in (f"--{key}", value)]
    done = dspash("signatures", "create", "--name", name, *flags, "--json")
    assert done.status == 0, done.err
    return done.value


def test_the_index_is_that_of_the_domain() -> None:
    assert make_index(DOMAIN.describe()) == INDEX_FILE.read_text(encoding="utf-8"), "run scripts/generate"
    assert [entry.command for entry in read_index()] == list(FORMS)


@pytest.mark.parametrize(("group", "action"), ACTIONS, ids=lambda value: getattr(value, "name", value))
def test_every_action_is_a_command_with_an_option_for_every_argument(
    dspash: Run, group: str, action: Any
) -> None:
    shown = dspash(group, name_of(FORMS[group], action), "--help").out

    assert all(f"--{command_name(one.name)}" in shown for one in action.arguments)
    assert ("ID" in shown.splitlines()[0]) == action.takes_record
    assert "--json" in shown
    assert "--debug" in shown


def test_help_loads_no_resource() -> None:
    looked_at = (
        "import sys; from dspash.cli.entry import run; assert run(['--help']) == 0;"
        "print(sorted({'pydantic', 'sqlalchemy', 'dspash.resources.kernel', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", looked_at], capture_output=True, text=True, timeout=20, check=True
    )

    assert done.stderr.strip() == "[]"
    assert all(f"  {entry.command} " in done.stdout for entry in read_index())


@pytest.mark.usefixtures("either_database")
def test_a_record_is_made_shown_changed_and_destroyed(dspash: Run) -> None:
    made = make(dspash, "QA")
    assert [field["name"] for field in made["output_fields"]] == ["answer"]

    assert dspash("signatures", "update", "QA", "--docstring", "Be brief.", "--json").value["version"] == 2
    assert dspash("signatures", "show", made["id"], "--json").value["docstring"] == "Be brief."
    assert dspash("signatures", "destroy", "QA", "--yes", "--json").value == {"destroyed": "QA"}
    assert dspash("signatures", "count", "--json").value == 0
    changes = dspash("audit-entries", "list", "--json").value["items"]
    assert [change["action"] for change in changes] == ["create", "update", "destroy"]


@pytest.mark.usefixtures("either_database")
def test_a_list_is_filtered_sorted_cut_and_continued(dspash: Run) -> None:
    for name in ["Alpha", "Beta", "Bravo"]:
        make(dspash, name)

    first = dspash(
        "signatures", "list", "--sort", "-name", "--limit", "2", "--select", "name", "--json"
    ).value
    rest = dspash(
        "signatures", "list", "--sort", "-name", "--after", first["next"], "--select", "name", "--json"
    ).value
    assert [one["name"] for one in first["items"]] == ["Bravo", "Beta"]
    assert [one["name"] for one in rest["items"]] == ["Alpha"]
    assert rest["next"] is None
    liked = dspash("signatures", "list", "--filter", "name~B%", "--filter", "name!=Beta", "--json").value
    assert [one["name"] for one in liked["items"]] == ["Bravo"]
    assert dspash("signatures", "count", "--filter", 'name=["Alpha", "Beta"]', "--json").value == 2


@pytest.mark.usefixtures("either_database")
def test_a_list_for_people_says_how_to_go_on(dspash: Run) -> None:
    assert "no signatures fit" in dspash("signatures", "list").out
    for name in ["Alpha", "Beta"]:
        make(dspash, name)

    lines = dspash("signatures", "list", "--limit", "1").out.splitlines()
    assert lines[0].split()[:2] == ["id", "name"]
    assert "Alpha" in lines[1]
    assert lines[2].startswith("more: --after ")
    assert "Beta" in dspash("signatures", "list", "--after", lines[2].split()[-1]).out


def test_what_a_record_says_is_no_markup(dspash: Run) -> None:
    make(dspash, "QA", docstring="[bold]not bold[/bold] \x1b[31mnot red")

    for arguments in [("list",), ("show", "QA")]:
        shown = dspash("signatures", *arguments).out
        assert "[bold]not bold[/bold]" in shown
        assert "\x1b" not in shown
        assert "␛[31mnot red" in shown


@pytest.mark.usefixtures("either_database")
@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["show", "None"], ExitStatus.NOT_FOUND, "None"),
        (["show"], ExitStatus.BAD_INPUT, "ID|NAME"),
        (["list", "--filter", "nme=x"], ExitStatus.BAD_INPUT, "nme"),
        (["list", "--sort", "input_fields"], ExitStatus.BAD_INPUT, "input_fields"),
        (["list", "--limit", "many"], ExitStatus.BAD_INPUT, "--limit"),
        (["list", "--after", "nonsense"], ExitStatus.BAD_INPUT, "$.after"),
        (
            ["create", "--name", "Taken", "--inputs", "a", "--outputs", "b"],
            ExitStatus.REFUSED,
            "the same name",
        ),
        (
            ["create", "--name", "X", "--inputs", "class", "--outputs", "b"],
            ExitStatus.BAD_INPUT,
            "$.inputs[0]",
        ),
        (["create", "--inputs", "a", "--outputs", "b"], ExitStatus.BAD_INPUT, "--name"),
        (["destroy", "Taken"], ExitStatus.BAD_INPUT, "--yes"),
        (["destroi", "Taken"], ExitStatus.BAD_INPUT, "'destroy'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_is_one_line_and_a_status(
    dspash: Run, arguments: list[str], status: ExitStatus, told: str
) -> None:
    make(dspash, "Taken")

    done = dspash("signatures", *arguments)

    assert (done.status, done.out) == (status, "")
    assert told in done.err
    assert done.err.count("\n") == 1


@pytest.mark.usefixtures("either_database")
def test_a_value_comes_from_a_file(dspash: Run, project: Path) -> None:
    (project / "inputs.json").write_text(json.dumps([{"name": "passages", "type": "list[str]"}]))

    made = make(dspash, "RAG", inputs="@inputs.json")

    assert made["input_fields"][0]["type"] == "list[str]"


@pytest.mark.usefixtures("either_database")
def test_tenants_see_their_own(dspash: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    make(dspash, "Mine")
    monkeypatch.setenv("DSPASH_TENANT", "other")

    assert dspash("signatures", "show", "Mine").status == ExitStatus.NOT_FOUND
    assert dspash("signatures", "count", "--json").value == 0


def test_a_database_that_is_none_is_unavailable(dspash: Run, project: Path) -> None:
    (project / "records.db").write_text("no database at all, and long enough to be looked at as one" * 9)

    done = dspash("signatures", "list")

    assert done.status == ExitStatus.UNAVAILABLE
    assert "records.db" in done.err


@pytest.mark.usefixtures("either_database")
def test_a_list_shows_what_records_are_looked_up_by_before_what_is_long(dspash: Run) -> None:
    dspash("programs", "create", "--name", "P", "--forward-fn", "result = {}")

    heads = {
        name: dspash(name, "list").out.split("\n", 1)[0].split() for name in ("programs", "audit-entries")
    }

    assert heads == {
        "programs": ["id", "name", "status", "form", "latest_version", "live_version", "created_at"],
        "audit-entries": [
            *("id", "request_id", "resource", "record_version", "action", "actor", "created_at")
        ],
    }
