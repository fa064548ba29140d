"""Programs and modules as records: versions that never change, the live one among them, and plain files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dspash.errors import ConflictError, InvalidInputError, NotFoundError, TransitionError, UnavailableError
from dspash.resources import DOMAIN
from dspash.resources.content import ProgramContent, ProgramForm, ToolContent
from dspash.resources.kernel import AuditEntry, Context, StoredScene
from dspash.resources.module import Module
from dspash.resources.optimization_run import OptimizationRun
from dspash.resources.optimizer import Optimizer
from dspash.resources.predictor import Predictor
from dspash.resources.program import Program
from dspash.resources.program_version import ProgramVersion
from dspash.resources.signature import Signature
from dspash.store import Store
from tests.resources.test_content import STATE

ANN = Context(actor="ann", tenant="north", request_id="request-1")
SNIPPET = "result = {'answer': self.qa(question=question).answer}"
EXAMPLES: list[Any] = [{"question": "Who?", "answer": "Ada"}]


@pytest.fixture
def scene(store: Store) -> StoredScene:
    """Look at an empty database, without workers, for Ann."""
    return StoredScene(ANN, domain=DOMAIN, store=store)


def _answers(scene: StoredScene) -> Program:
    scene.of(Module).create(name="qa", type="predict", signature="question -> answer")
    return scene.of(Program).create(name="Answers", forward_fn=SNIPPET, modules={"qa": "qa"})


def _text(text: str) -> dict[str, Any]:
    return ProgramContent(ProgramForm.FORWARD_FN, text).to_map()


def test_a_program_has_a_version_from_the_beginning(scene: StoredScene) -> None:
    program = _answers(scene)
    assert (program.status, program.latest_version, program.live_version) == ("draft", 1, None)
    version = scene.of(ProgramVersion).get("Answers@1", include=["program"])
    assert version.program == program
    assert version.content_hash == program.content_hash == version.program_content().content_hash
    assert version.program_content().modules[0][1].signature == {
        "inputs": [{"name": "question"}],
        "outputs": [{"name": "answer"}],
    }
    assert scene.of(Program).get("Answers", include=["versions"]).versions == (
        scene.of(ProgramVersion).get("Answers@1"),
    )


def test_defining_the_same_again_changes_nothing(scene: StoredScene) -> None:
    programs = scene.of(Program)
    first = programs.define(name="P", content=_text("result = {}"))
    entries = scene.of(AuditEntry).count()
    assert programs.define(name="P", content=_text("result = {}")) == first
    assert scene.of(AuditEntry).count() == entries
    second = programs.define(name="P", content=_text("result = {'a': 1}"), description="Says a.")
    assert (second.latest_version, second.description) == (2, "Says a.")
    again = programs.define(name="P", content=_text("result = {}"))
    assert again.latest_version == 2
    assert scene.of(ProgramVersion).get("P@2").parent == 1


def test_a_version_is_never_changed(scene: StoredScene) -> None:
    _answers(scene)
    versions: Any = scene.of(ProgramVersion)
    with pytest.raises(AttributeError, match="has no action 'update'"):
        versions.update("Answers@1", content={})
    scene.of(Module).update("qa", config={"temperature": 0.9})
    assert scene.of(ProgramVersion).get("Answers@1").program_content().modules[0][1].config == {}


def test_promoting_and_rolling_back_move_the_live_version(scene: StoredScene) -> None:
    programs = scene.of(Program)
    for number in range(3):
        programs.define(name="P", content=_text(f"result = {{'n': {number}}}"))
    assert programs.promote("P", version=1).live_version == 1
    assert programs.promote("P").live_version == 3
    assert programs.promote("P").promotions == [1, 3]  # what is live already is not promoted once more
    live = programs.rollback("P")
    assert (live.live_version, live.status, live.promotions) == (1, "promoted", [1])
    with pytest.raises(InvalidInputError, match="no live version before"):
        programs.rollback("P")
    with pytest.raises(NotFoundError, match="P has no version 9; there are 1 to 3"):
        programs.promote("P", version=9)


def test_an_archived_program_says_what_can_be_done(scene: StoredScene) -> None:
    programs = scene.of(Program)
    programs.define(name="P", content=_text("result = {}"))
    with pytest.raises(
        TransitionError,
        match=r"Program P is draft, which does not admit rollback; from there: promote, archive$",
    ):
        programs.rollback("P")
    programs.archive("P")
    with pytest.raises(TransitionError, match="from there: restore"):
        programs.promote("P")
    with pytest.raises(InvalidInputError, match="is archived; restore it first"):
        programs.define(name="P", content=_text("result = {'a': 1}"))
    assert programs.restore("P").status == "draft"


def test_a_program_goes_with_all_that_is_its_own(scene: StoredScene) -> None:
    program = _answers(scene)
    scene.of(OptimizationRun).create(program="Answers", trainset=EXAMPLES)
    scene.of(Program).learn(program.id, state=STATE, version=1, score=0.5)
    scene.of(Program).destroy("Answers")
    assert [scene.of(each).count() for each in (ProgramVersion, OptimizationRun, Predictor)] == [0, 0, 0]
    assert scene.of(Module).get("qa").name == "qa"


def test_what_was_learned_is_a_version_with_its_predictors(scene: StoredScene) -> None:
    program = _answers(scene)
    learned = scene.of(Program).learn(program.id, state=STATE, version=1, score=0.5)
    assert (learned.status, learned.latest_version) == ("compiled", 2)
    assert learned.metrics == {"training_score": 0.5}
    version = scene.of(ProgramVersion).get("Answers@2")
    assert (version.origin, version.parent, version.score) == ("compiled", 1, 0.5)
    (predictor,) = scene.of(Program).get("Answers", include=["predictors"]).predictors
    assert (predictor.name, predictor.instructions, predictor.demos) == ("qa", "Answer.", EXAMPLES)


def test_editing_a_predictor_makes_a_version(scene: StoredScene) -> None:
    program = _answers(scene)
    scene.of(Program).learn(program.id, state=STATE, version=1)
    (predictor,) = scene.of(Predictor).list(filter={"program_id": str(program.id)}).items
    edited = scene.of(Predictor).update(predictor, instructions="Answer in one word.")
    assert edited.instructions == "Answer in one word."
    version = scene.of(ProgramVersion).get("Answers@3")
    assert version.origin == "edited"
    told = scene.of(Program).diff("Answers")
    assert told["text"] == "instructions of qa\n@@ -1 +1 @@\n-Answer.\n+Answer in one word."
    assert (told["before"], told["after"]) == ("Answers@2", "Answers@3")
    assert scene.of(Program).get("Answers").latest_version == 3


def test_editing_a_predictor_of_a_module_changes_what_it_has_learned(scene: StoredScene) -> None:
    module = scene.of(Module).create(name="qa", type="predict", signature="question -> answer")
    scene.of(Module).learn(module.id, state=STATE)
    (predictor,) = scene.of(Module).get("qa", include=["predictors"]).predictors
    scene.of(Predictor).update(predictor, demos=[])
    state = scene.of(Module).get("qa").state
    assert state is not None
    assert state["qa"] == {**STATE["qa"], "demos": []}


def test_a_diff_without_workers_says_that_it_needs_them(scene: StoredScene) -> None:
    program = _answers(scene)
    scene.of(Program).learn(program.id, state=STATE, version=1)
    with pytest.raises(UnavailableError, match="nothing runs programs here"):
        scene.of(Program).diff("Answers", before=1, after=2)


def test_a_program_survives_its_folder(scene: StoredScene, tmp_path: Path) -> None:
    program = _answers(scene)
    learned = scene.of(Program).learn(program.id, state=STATE, version=1)
    files = scene.of(Program).export("Answers", folder=str(tmp_path / "answers"))
    assert "predictors/qa/instructions.txt" in files
    bring: Any = scene.of(Program).import_
    assert bring(folder=str(tmp_path / "answers")) == learned
    other = bring(folder=str(tmp_path / "answers"), name="Others")
    assert other.content_hash == learned.content_hash
    assert scene.of(ProgramVersion).get("Others@1").origin == "imported"


def test_a_folder_may_name_only_classes_that_are_allowed(scene: StoredScene, tmp_path: Path) -> None:
    scene.of(Module).create(name="odd", type="custom", cls="package.module:Odd")
    scene.of(Program).create(name="P", cls="os:system", modules={"odd": "odd"})
    scene.of(Program).export("P", folder=str(tmp_path / "p"))
    bring: Any = scene.of(Program).import_
    with pytest.raises(
        InvalidInputError, match=r"names os:system, package\.module:Odd; allow what you trust"
    ):
        bring(folder=str(tmp_path / "p"), name="Theirs")
    assert scene.of(Program).count() == 1
    classes = ["os:system", "package.module:Odd"]
    assert bring(folder=str(tmp_path / "p"), name="Theirs", classes=classes).class_path == "os:system"


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({}, "$.source"),
        ({"source": "x", "cls": "a:B"}, "$.source"),
        ({"source": "x", "config": {"a": float("nan")}}, "$.config.a"),
        ({"source": "x\0y"}, "$.content.text"),
        ({"source": "x", "name": "n" * 201}, "$.name"),
    ],
)
def test_a_program_that_cannot_be_is_refused_and_nothing_is_written(
    scene: StoredScene, arguments: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        scene.of(Program).create(**{"name": "P", **arguments})
    assert refused.value.path == path
    assert [scene.of(each).count() for each in (Program, ProgramVersion, AuditEntry)] == [0, 0, 0]


def test_a_module_takes_its_signature_from_a_signature(scene: StoredScene) -> None:
    scene.of(Signature).create(
        name="QA", inputs=["question"], outputs=[{"name": "answer", "type": "str"}], docstring="Answer."
    )
    module = scene.of(Module).create(name="qa", type="chain_of_thought", signature_id="QA")
    assert module.signature_text == "question -> answer: str"
    assert scene.of(Module).get("qa", include=["signature"]).signature.name == "QA"
    with pytest.raises(InvalidInputError, match="is given twice"):
        scene.of(Module).create(name="b", type="predict", signature="a -> b", signature_id="QA")
    with pytest.raises(InvalidInputError, match="sentence"):
        scene.of(Module).create(name="c", type="predict", signature="a: sentence -> b")


def test_a_module_that_is_defined_anew_keeps_what_it_learned_unless_it_changed(scene: StoredScene) -> None:
    modules = scene.of(Module)
    module = modules.create(name="qa", type="predict", signature="question -> answer")
    modules.learn(module.id, state=STATE)
    same = modules.define(name="qa", definition=module.definition)
    assert same.state is not None
    other = modules.define(name="qa", definition={**module.definition, "config": {"temperature": 0.7}})
    assert other.state is None
    assert other.config == {"temperature": 0.7}


def test_modules_of_modules_are_kept_whole(scene: StoredScene) -> None:
    scene.of(Module).create(name="qa", type="predict", signature="question -> answer")
    best = scene.of(Module).create(
        name="best", type="best_of_n", module="qa", reward="exact_match", config={"N": 3}
    )
    inner = best.content().inner
    assert inner is not None
    assert inner.content_hash == scene.of(Module).get("qa").content_hash


def test_names_are_one_tenants_own(scene: StoredScene) -> None:
    _answers(scene)
    other = scene.acting_for(Context(actor="bob", tenant="south", request_id="request-2"))
    with pytest.raises(NotFoundError):
        other.of(Program).get("Answers")
    with pytest.raises(NotFoundError):
        other.of(Program).create(name="Answers", forward_fn=SNIPPET, modules={"qa": "qa"})
    assert other.of(Program).define(name="Answers", content=_text("result = {}")).latest_version == 1
    with pytest.raises(ConflictError):
        scene.of(Program).create(name="Answers", source="x")


def test_an_optimizer_is_known_by_name(scene: StoredScene) -> None:
    _answers(scene)
    scene.of(Optimizer).create(
        name="few", type="bootstrap_fewshot", config={"max_labeled_demos": 4, "max_rounds": 1}
    )
    run = scene.of(OptimizationRun).create(
        program="Answers", optimizer="few", trainset=EXAMPLES, config={"max_rounds": 2}
    )
    assert run.optimizer == "bootstrap_fewshot"
    assert run.config == {"max_labeled_demos": 4, "max_rounds": 2}
    assert (run.status, run.program_version) == ("pending", 1)


def test_tools_are_known_by_what_a_program_is_told_of_them(scene: StoredScene) -> None:
    content = ProgramContent(
        ProgramForm.FORWARD_FN, "result = {}", tools=(ToolContent("search", "Search.", {}),)
    )
    program = scene.of(Program).define(name="P", content=content.to_map())
    assert program.tools == ["search"]
