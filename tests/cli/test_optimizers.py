"""Optimizers on the command line: what each can be told is shown, of what is kept with what it sets."""

from __future__ import annotations

from tests.cli.conftest import Run


def test_types_are_listed_with_what_they_do(dspash: Run) -> None:
    listed = dspash("optimizers", "types", "--json").value
    shown = dspash("optimizers", "types").out

    assert {"copro", "gepa", "mipro_v2", "simba"} <= {one["name"] for one in listed}
    assert all(one["name"] in shown for one in listed)


def test_parameters_are_shown_with_defaults_and_meanings(dspash: Run) -> None:
    shown = dspash("optimizers", "describe", "GEPA").out

    assert "learns from a metric's feedback" in shown
    assert any(line.split()[:2] == ["auto", '"light"'] for line in shown.splitlines())
    assert "not taken: log_dir (a worker writes no files of its own choosing)" in shown


def test_what_is_kept_is_shown_with_what_it_sets(dspash: Run) -> None:
    made = dspash("optimizers", "create", "--name", "words", "--type", "copro", "--config", '{"breadth": 3}')
    assert made.status == 0, made.err

    shown = dspash("optimizers", "describe", "words").out
    assert any(line.split()[:3] == ["breadth", "int", "3"] for line in shown.splitlines())
    wrong = dspash("optimizers", "create", "--name", "w", "--type", "copro", "--config", '{"breath": 3}')
    assert wrong.status == 2
    assert "did you mean 'breadth'" in wrong.err
