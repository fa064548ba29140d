"""Tasks: what the demo makes of its own corpus and of other people's files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dspash import ConfigurationError
from dspash.demo import hotpotqa_questions, own_questions, read_intents

ROME = ["Rome", ["Rome is the capital of Italy.", " It lies on the Tiber."]]
TIBER = ["Tiber", ["The Tiber rises at Mount Fumaiolo. "]]


def question(text: str = "Where?", **changes: Any) -> dict[str, Any]:
    """One question as HotPotQA's files have it, other keys included."""
    return {
        "_id": "5a8b", "question": text, "answer": "Rome", "type": "bridge", "level": "hard",
        "supporting_facts": [["Rome", 0]], "context": [ROME, TIBER], **changes,
    }  # fmt: skip


def utterance(text: str, intent: str) -> str:
    return json.dumps({"text": text, "intent": intent})


def test_the_own_questions_are_all_used() -> None:
    task = own_questions()

    assert (len(task.trainset), len(task.devset)) == (40, 79)
    assert all(example.keys() == {"question", "answer"} for example in task.trainset + task.devset)


class TestHotPotQA:
    @staticmethod
    def write(folder: Path, train: Sequence[Any], dev: Sequence[Any]) -> Path:
        (folder / "train.json").write_text(json.dumps(train))
        (folder / "dev.json").write_text(json.dumps(dev))
        return folder

    def test_questions_go_to_their_split(self, tmp_path: Path) -> None:
        task = hotpotqa_questions(self.write(tmp_path, [question("a?"), question("b?")], [question("c?")]))

        assert [example["question"] for example in task.trainset] == ["a?", "b?"]
        assert task.devset == ({"question": "c?", "answer": "Rome"},)

    def test_the_paragraphs_of_all_questions_are_one_corpus_without_repetitions(self, tmp_path: Path) -> None:
        other = ["Rome", ["Another text of the same title."]]
        task = hotpotqa_questions(self.write(tmp_path, [question()], [question(context=[other, TIBER])]))

        assert task.title == "HotPotQA, 3 passages"

    @pytest.mark.parametrize(
        ("file", "changes", "place"),
        [
            ("train.json", {"answer": None}, "$[1].answer"),
            ("dev.json", {"question": 3}, "$[1].question"),
            ("dev.json", {"context": [["Rome"]]}, "$[1].context[0][1]"),
            ("train.json", {"context": []}, "$[1].context"),
            ("train.json", {"context": {"title": ["Rome"]}}, "$[1].context"),
        ],
    )
    def test_a_malformed_question_is_named(
        self, tmp_path: Path, file: str, changes: dict[str, Any], place: str
    ) -> None:
        self.write(tmp_path, [question()], [question()])
        (tmp_path / file).write_text(json.dumps([question(), question(**changes)]))

        with pytest.raises(ConfigurationError) as caught:
            hotpotqa_questions(tmp_path)

        assert caught.value.path == f"{tmp_path / file}, {place}"

    @pytest.mark.parametrize("missing", ["train.json", "dev.json"])
    def test_a_missing_file_is_named(self, tmp_path: Path, missing: str) -> None:
        (self.write(tmp_path, [question()], [question()]) / missing).unlink()

        with pytest.raises(ConfigurationError, match=missing):
            hotpotqa_questions(tmp_path)


class TestIntents:
    @staticmethod
    def write(folder: Path, train: Sequence[str], dev: Sequence[str]) -> Path:
        (folder / "train.jsonl").write_text("\n".join(train))
        (folder / "dev.jsonl").write_text("\n".join(dev))
        return folder

    def test_the_intents_are_those_of_the_training_set(self, tmp_path: Path) -> None:
        train = [
            utterance("where is my card", "arrival"),
            utterance("top up", "top_up"),
            utterance("card?", "arrival"),
        ]
        task = read_intents(self.write(tmp_path, train, [utterance("my card", "arrival")]))

        assert task.title == "intents, 2 of them"
        assert (len(task.trainset), len(task.devset)) == (3, 1)

    def test_an_intent_that_nobody_can_have_learned_is_refused(self, tmp_path: Path) -> None:
        folder = self.write(tmp_path, [utterance("a", "x")], [utterance("b", "y")])

        with pytest.raises(ConfigurationError, match=r"'y' is no intent of train\.jsonl") as caught:
            read_intents(folder)

        assert caught.value.path == str(folder / "dev.jsonl")

    def test_a_malformed_line_is_named(self, tmp_path: Path) -> None:
        folder = self.write(tmp_path, [utterance("a", "x"), '{"text": "b"}'], [utterance("a", "x")])

        with pytest.raises(ConfigurationError) as caught:
            read_intents(folder)

        assert caught.value.path == f"{folder / 'train.jsonl'}, line 2, $.intent"
