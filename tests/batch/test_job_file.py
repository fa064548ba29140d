"""Job files: what is wrong is told whole, each thing at its place, and rules leave the cells that they say."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from dspash.batch import Batch, JobFile, cells_of, check_job_file, read_job_file
from dspash.errors import ConfigurationError, InvalidInputError
from dspash.resources import DOMAIN
from dspash.resources.kernel import Context
from dspash.resources.kernel.scene import StoredScene
from dspash.store import Store

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "batch_intents" / "batch.toml"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Generator[StoredScene]:
    """Open records without anything in them."""
    with Store.open(str(tmp_path_factory.mktemp("batch") / "records.db")) as store:
        yield StoredScene(
            Context(actor="local", tenant="default", request_id="test"), domain=DOMAIN, store=store
        )


def _changed(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = EXAMPLE.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    for name in ("program.py", "train.jsonl", "dev.jsonl"):
        (tmp_path / name).write_bytes((EXAMPLE.parent / name).read_bytes())
    file = tmp_path / "batch.toml"
    file.write_text(text)
    return file


def _checked(file: Path, scene: StoredScene) -> Batch:
    return check_job_file(read_job_file(file), file.parent, scene)


def test_the_example_holds(scene: StoredScene) -> None:
    batch = _checked(EXAMPLE, scene)
    assert [cell.run for cell in batch.cells] == [
        "wishes/wishes/labelled/library/same/offline/0",
        "wishes/wishes/search/library/same/offline/0",
        "wishes/wishes/search/library/same/offline/1",
    ]
    assert len(batch.examples["library"].train) == 10
    assert "class Wishes" in batch.sources["wishes"]


def test_what_does_not_fit_the_form_is_told_whole(tmp_path: Path) -> None:
    file = _changed(
        tmp_path,
        ('models = ["offline"]', 'modles = ["offline"]'),
        ("seeds = [0, 1]", 'seeds = [0, "one"]'),
        ('source = "program.py"', 'sauce = "program.py"'),
    )
    with pytest.raises(InvalidInputError) as caught:
        read_job_file(file)
    assert {one.path: one.message for one in caught.value.problems} == {
        "$.models": "missing",
        "$.modles": "there is no such key",
        "$.seeds[1]": "input should be a valid integer",
        "$.programs.wishes.sauce": "there is no such key",
    }


def test_what_is_not_there_or_does_not_go_together_is_told_whole(tmp_path: Path, scene: StoredScene) -> None:
    file = _changed(
        tmp_path,
        ('source = "program.py"', 'name = "nobody"'),
        ('"labeled_few_shot"', '"labelled"'),
        ("num_candidate_programs", "num_candidates"),
        ('val = "dev.jsonl"', 'val = "nowhere.jsonl"'),
        ('field = "intent"', 'field = "wish"'),
        ("seed = 1", "seed = 7"),
    )
    with pytest.raises(InvalidInputError) as caught:
        _checked(file, scene)
    told = {one.path: one.message for one in caught.value.problems}
    assert told.keys() == {
        "$.programs.wishes",
        "$.optimizers.labelled.type",
        "$.optimizers.search.config.num_candidates",
        "$.datasets.library.val",
        "$.metrics.same.field",
        "$.exclude[0].seed",
    }
    assert "no such parameter" in told["$.optimizers.search.config.num_candidates"]
    assert told["$.metrics.same.field"] == "10 of the 10 examples of library have no wish"


@pytest.mark.parametrize(
    ("change", "place", "told"),
    [
        (('source = "program.py"', 'source = "train.jsonl/x"'), "$.programs.wishes", "cannot be read"),
        (('source = "program.py"', 'source = "broken.py"'), "$.programs.wishes", "no Python"),
        (('source = "program.py"', "version = 1"), "$.programs.wishes", "either source or name"),
        (('"labeled_few_shot"', '"ensemble"'), "$.optimizers.labelled.type", "stays in its worker"),
        (('train = "train.jsonl"', 'train = "broken.jsonl"'), "$.datasets.library.train", "broken.jsonl"),
        (('"exact_match"', '"exact_mach"'), "$.metrics.same", "no metric is called"),
        (("[[exclude]]", "[[exclude]]\n[[exclude]]"), "$.exclude[0]", "names none of"),
        (("seeds = [0, 1]", "seeds = [0, 0, 1]"), "$", "would be the run"),
    ],
)
def test_one_thing_that_is_wrong(
    tmp_path: Path, scene: StoredScene, change: tuple[str, str], place: str, told: str
) -> None:
    file = _changed(tmp_path, change)
    (tmp_path / "broken.py").write_text("class (:\n")
    (tmp_path / "broken.jsonl").write_text('{"text": \n')
    with pytest.raises(InvalidInputError) as caught:
        _checked(file, scene)
    found = [one for one in caught.value.problems if one.path == place]
    assert any(told in one.message for one in found), caught.value.problems


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        read_job_file(tmp_path / "nothing.toml")
    (tmp_path / "odd.toml").write_text("name = \n")
    with pytest.raises(ConfigurationError, match=r"no TOML: .*line 1"):
        read_job_file(tmp_path / "odd.toml")


def test_included_cells_are_the_only_ones() -> None:
    raw = {
        "name": "b",
        "programs": {"p": {"name": "p"}, "q": {"name": "q"}},
        "optimizers": {"o": {"type": "copro"}},
        "datasets": {"d": {"train": "d"}},
        "metrics": {"m": "exact_match"},
        "models": ["offline", "openai/x"],
        "seeds": [1, 2],
        "include": [{"program": "p", "seed": [1, 2]}, {"model": "openai/x"}],
        "exclude": [{"program": "p", "seed": 2}],
    }
    found = [(one.program, one.model, one.seed) for one in cells_of(JobFile.model_validate(raw))]
    assert found == [("p", "offline", 1), ("p", "openai/x", 1), ("q", "openai/x", 1), ("q", "openai/x", 2)]
