"""What a prompt may do to the offline model: nothing, whatever it holds and however long it is."""

from __future__ import annotations

import itertools
import json

import pytest
from gateway_engine import asking, text_of

from dspash.gateway import ContextLengthError, JsonMap, ModelTimeoutError, OfflineModel
from dspash.gateway.offline.form import Form
from dspash.gateway.offline.reader import read

SYSTEM = """Your input fields are:
1. `question` (str): what is asked
2. `context` (list[str]):
Your output fields are:
1. `reasoning` (str):
2. `query` (str):
3. `answer` (str):
4. `label` (Literal['a b', "c's"]):
5. `keywords` (list[str]):
6. `share` (float):
7. `summary` (str):
All interactions will be structured in the following way, with the appropriate values filled in.

[[ ## question ## ]]
{question}

[[ ## completed ## ]]
In adhering to this structure, your objective is:
        %s"""
SIZE = 100_000


def structured(question: str, context: str, objective: str = "Answer.") -> JsonMap:
    text = (
        f"[[ ## question ## ]]\n{question}\n\n[[ ## context ## ]]\n{context}\n\n"
        "Respond with the corresponding output fields, starting with the field `[[ ## reasoning ## ]]`."
    )
    return asking(text, system=SYSTEM % objective)


def repeated(piece: str) -> str:
    return piece * (SIZE // len(piece))


WHO = "Who is the king of Spain and where was he born?"
PIECES = [
    "a", "A of ", "A. ", "1", "1 ", "king ", "The king was born. ", "(", '"', "[[ ## ", "\n[[ ## question ## ]]\n",
    "[", "{", "[1] «", "\n", " ", ".", "\u0301", "A, ", "<a>", "(1999", "is a ", "A and ", "```\n", "1+", "Who or ",
    ", whose description is <desc>", ", whose description is <desc>x</desc>. It takes arguments {",
    "my prediction is ", "{'a': ", "\ud83d\ude00", "é ",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_no_repetition_holds_it_up(piece: str) -> None:
    """Bounded by the test's timeout: patterns that look back over what they have read would not come to an end."""
    model = OfflineModel()
    text = repeated(piece)
    for request in (
        structured(WHO, text),
        structured(text, '["The king of Spain was born in Rome."]'),
        structured(WHO, '["x"]', text),
        asking(text),
    ):
        assert text_of(model.complete(request, meta={}, deadline=None))


def test_long_lists_of_passages_are_read() -> None:
    passages = [f"Name{i} | Name{i} is a king, born in Town{i} in {1000 + i}." for i in range(2000)]
    answer = text_of(
        OfflineModel().complete(
            structured("Where was Name77 born?", json.dumps(passages)), meta={}, deadline=None
        )
    )
    assert "Town77" in answer


def test_a_prompt_beyond_its_context_is_refused_by_that_name() -> None:
    with pytest.raises(ContextLengthError, match="400001 characters") as caught:
        OfflineModel().complete(asking("x" * 400_001), meta={}, deadline=None)
    assert caught.value.code == "context_length"


def test_deep_nesting_is_taken_for_text() -> None:
    deep = "[" * 3000 + "]" * 3000
    annotation = "list[" * 3000 + "str" + "]" * 3000
    request = structured(WHO, deep)
    request["system"] = (SYSTEM % "Answer.").replace("(float)", f"({annotation})")
    assert text_of(OfflineModel().complete(request, meta={}, deadline=None))


def test_a_deadline_ends_a_call_before_and_after_its_work() -> None:
    ticks = itertools.count(0.0, 1.0)
    model = OfflineModel(clock=lambda: next(ticks))
    with pytest.raises(ModelTimeoutError):
        model.complete(asking("hello"), meta={}, deadline=0.0)
    with pytest.raises(ModelTimeoutError):
        model.complete(asking("hello"), meta={}, deadline=2.0)
    assert text_of(model.complete(asking("hello"), meta={}, deadline=99.0))


def test_a_schema_without_a_signature_is_filled_in() -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}, "kind": {"enum": ["a", "b"]}},
    }
    request = asking(
        "Ann Lee is 42 years old.", config={"response_format": {"type": "json_schema", "schema": schema}}
    )
    value = json.loads(text_of(OfflineModel().complete(request, meta={}, deadline=None)))
    assert set(value) == {"name", "age", "kind"}
    assert isinstance(value["age"], int)
    assert value["kind"] in {"a", "b"}


PAGES = [
    "Ann Lee | Ann Lee (born 3 May 1950) is a Norwegian singer. She has never won a prize.",
    "Bob Ray | Bob Ray (born 1 June 1940) is a Norwegian painter. He lives in Oslo.",
    "Cy Doe | Cy Doe is a Peruvian singer who lives in Lima.",
    "Glomma | The Glomma is a river in Norway, 621 km long.",
    "Drava | The Drava is a river in Europe, 710 km long.",
]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who is older, Ann Lee or Bob Ray?", "Bob Ray"),
        ("Who is younger, Ann Lee or Bob Ray?", "Ann Lee"),
        ("Which river is longer, Glomma or Drava?", "Drava"),
        ("Which river is shorter, Glomma or Drava?", "Glomma"),
        ("Which of Ann Lee and Bob Ray lives in Oslo?", "Bob Ray"),
        ("Who was born first, Ann Lee or Eve Fox?", "Ann Lee"),
        ("Are Ann Lee and Bob Ray from the same country?", "yes"),
        ("Are Ann Lee and Cy Doe from the same country?", "no"),
        ("Are both Ann Lee and Cy Doe singers?", "yes"),
        ("Are both Ann Lee and Bob Ray singers?", "no"),
        ("Does Bob Ray live in Oslo?", "yes"),
        ("Has Ann Lee won a prize?", "no"),
        ("Is Bob Ray a famous Peruvian novelist?", "no"),
    ],
)
def test_comparisons_and_claims_are_decided(question: str, answer: str) -> None:
    assert read(question, PAGES, form=Form(bare=True, words=2)).answers[0].text == answer


def test_nothing_to_go_by_is_no_error() -> None:
    for question in ("Who is older, Ann or Bob?", "Is it?", "Are both A and B here?"):
        assert read(question, [], form=Form(bare=True, words=2)).answers
