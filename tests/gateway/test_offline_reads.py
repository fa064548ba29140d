"""What the offline model understands of a prompt, piece by piece."""

from __future__ import annotations

import pytest

from dspash.gateway import JsonMap
from dspash.gateway.offline.annotation import read_annotation
from dspash.gateway.offline.arithmetic import compute
from dspash.gateway.offline.asked import Asked
from dspash.gateway.offline.form import Form
from dspash.gateway.offline.material import read_items
from dspash.gateway.offline.nearest import label_scores
from dspash.gateway.offline.passage import read_passage, split_sentences
from dspash.gateway.offline.querying import next_query
from dspash.gateway.offline.question import read_question
from dspash.gateway.offline.reader import read
from dspash.gateway.offline.schema import read_schema
from dspash.gateway.offline.shape import (
    TEXT,
    Choice,
    Endless,
    Flag,
    Listing,
    Nullable,
    Number,
    Record,
    Shape,
    Slot,
    Table,
    Text,
)
from dspash.gateway.offline.skeleton import read_skeleton
from dspash.gateway.offline.span import Kind, find_spans
from dspash.gateway.offline.tokens import stem

BARE = Form(bare=True, words=3)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("str", TEXT),
        ("int", Number(whole=True)),
        ("list[float]", Listing(Number(whole=False))),
        ("dict[str, bool]", Table(Flag())),
        ("Union[str, NoneType]", Nullable(TEXT)),
        ("Union[str, int]", Number(whole=True)),
        ("Literal['a', \"it's\", 3, True, None]", Choice(("a", "it's", 3, True, None))),
        ("list[Literal['x']]", Listing(Choice(("x",)))),
        ("date", Text(format="date")),
        ("Person", None),
        ("list[Person]", None),
        ("list[", None),
        ("Literal[]", None),
        ("__import__('os')", None),
        ("list[" * 5000, None),
    ],
)
def test_annotations_are_read_and_never_evaluated(text: str, shape: Shape | None) -> None:
    assert read_annotation(text) == shape


def test_schemas_give_bounds_enums_and_records() -> None:
    schema: JsonMap = {
        "type": "object",
        "title": "T",
        "properties": {
            "n": {"type": "integer", "minimum": 1, "exclusiveMaximum": 5},
            "c": {"allOf": [{"$ref": "#/$defs/C"}], "description": "which"},
            "o": {
                "anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "boolean"}, "minItems": 2}]
            },
            "s": {"type": "string", "format": "email", "maxLength": 9},
        },
        "$defs": {"C": {"enum": ["a", "b"]}},
    }
    assert read_schema(schema) == Record(
        (
            Slot("n", Number(whole=True, least=1, most=4)),
            Slot("c", Choice(("a", "b")), "which"),
            Slot("o", Nullable(Listing(Flag(), least=2))),
            Slot("s", Text(format="email", max_length=9)),
        ),
        "T",
    )


def test_recursive_schemas_end_where_they_may() -> None:
    tree: JsonMap = {
        "$ref": "#/$defs/Tree",
        "$defs": {
            "Tree": {
                "type": "object",
                "required": ["label", "kids", "twin"],
                "properties": {
                    "label": {"type": "string"},
                    "kids": {"type": "array", "items": {"$ref": "#/$defs/Tree"}},
                    "twin": {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]},
                    "by_name": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Tree"}},
                    "other": {"$ref": "#/$defs/Tree"},
                },
            }
        },
    }
    assert read_schema(tree) == Record(
        (
            Slot("label", TEXT),
            Slot("kids", Listing(TEXT, 0, 0)),
            Slot("twin", Choice((None,))),
            Slot("by_name", Record()),
        )
    )
    assert read_schema({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}) != Endless()


def test_outlines_of_nested_xml_are_read() -> None:
    outline = "<p><name>...</name><age>...</age><tags><item>...</item></tags><is_new>...</is_new></p>"
    assert read_skeleton(outline) == Record(
        (
            Slot("name", TEXT),
            Slot("age", Number(whole=True)),
            Slot("tags", Listing(TEXT)),
            Slot("is_new", Flag()),
        )
    )
    assert read_skeleton('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>') is None


@pytest.mark.parametrize(
    ("text", "asked", "focus"),
    [
        ("Who designed the tower?", Asked.PERSON, ""),
        ("In what year was it built?", Asked.YEAR, "year"),
        ("When was it built?", Asked.DATE, ""),
        ("Where was the architect of the tower born?", Asked.PLACE, ""),
        ("The river that crosses Oslo enters which sea?", Asked.PLACE, "sea"),
        ("How many storeys has it?", Asked.NUMBER, ""),
        ("Which chapel's ceiling did he paint?", Asked.NAME, "chapel"),
        ("What is the name of the producer of the film?", Asked.PERSON, "producer"),
        ("What did the founder of Nokia lose?", Asked.ANY, ""),
        ("What is Opry Mills?", Asked.ANY, ""),
        ("Is Oslo in Norway?", Asked.YES_NO, ""),
        ("Which is older, the Seine Bridge or Oslo Tower?", Asked.OPTION, ""),
        ("Which of Ann Lee and Bob Ray was born first?", Asked.OPTION, ""),
        ("What occupation had he?", Asked.NOUN, "occupation"),
        ("", Asked.ANY, ""),
    ],
)
def test_questions_tell_what_they_ask_for(text: str, asked: Asked, focus: str) -> None:
    question = read_question(text)
    assert question.asked is asked
    assert question.focus[-1:] == ((stem(focus),) if focus else ())


def test_options_are_the_names_chosen_between() -> None:
    assert read_question("Who was born first, Ann Lee or Bob Ray?").options == ("Ann Lee", "Bob Ray")
    assert read_question('Which came first, "The Guest" or "Next"?').options == ("The Guest", "Next")
    assert read_question("Tea or coffee?").options == ()


def test_forms_of_a_word_meet_and_others_do_not() -> None:
    assert len({stem(word) for word in ("directed", "director", "directing", "direction")}) == 1
    assert stem("born") == stem("birthplace")
    assert stem("city") == stem("cities")
    assert stem("tower") != stem("river")


def test_sentences_end_at_full_stops_but_not_after_initials_or_titles() -> None:
    text = "Dr. J. R. Smith met King Francis I. They spoke of St. Paul (c. 1500). Then he left!\nNew line"
    assert split_sentences(text) == [
        "Dr. J. R. Smith met King Francis I.",
        "They spoke of St. Paul (c. 1500).",
        "Then he left!",
        "New line",
    ]
    assert all(len(sentence) <= 1200 for sentence in split_sentences("word " * 4000))


def test_passages_know_their_title_and_what_it_is() -> None:
    passage = read_passage(
        "Ann Lee (singer) | Ann Lee (born 3 May 1950) is a Norwegian singer and writer. She lives."
    )
    assert (passage.title, passage.name) == ("Ann Lee (singer)", "Ann Lee")
    assert passage.kinds == {Asked.PERSON}
    assert "birth" in passage.sentences[0].bag
    assert len(passage.sentences) == 2


def test_spans_are_names_dates_numbers_quotes_and_phrases() -> None:
    text = 'In May 1950 the baker Ann van Lee of Oslo, Norway sold 90 loaves of "White Gold" for the University of Oslo.'
    found = {(span.text, span.kind) for span in find_spans(text)}
    assert {
        ("May 1950", Kind.DATE),
        ("1950", Kind.YEAR),
        ("Ann van Lee of Oslo", Kind.NAME),
        ("Oslo, Norway", Kind.NAME),
        ("90", Kind.NUMBER),
        ("White Gold", Kind.QUOTED),
        ("University of Oslo", Kind.NAME),
    } <= found


PASSAGES = [
    "Oslo Tower | Oslo Tower is a tower in Norway. It was designed by Ann Lee and opened in 1931.",
    "Ann Lee | Ann Lee was a Norwegian architect, born in Bergen in 1890. Her father was a baker.",
    "Bob Ray | Bob Ray was a painter, born in Paris in 1870.",
    "Paris | Paris is the capital of France.",
]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Who designed Oslo Tower?", "Ann Lee"),
        ("In what year did Oslo Tower open?", "1931"),
        ("In which city was the designer of Oslo Tower born?", "Bergen"),
        ("What was the occupation of the father of the designer of Oslo Tower?", "baker"),
        ("Who was born first, Ann Lee or Bob Ray?", "Bob Ray"),
        ("What nationality was the architect of Oslo Tower?", "Norwegian"),
        ("Was Oslo Tower designed by Ann Lee?", "yes"),
    ],
)
def test_answers_are_followed_from_passage_to_passage(question: str, answer: str) -> None:
    assert read(question, PASSAGES, form=BARE).answers[0].text == answer


def test_the_next_query_names_what_is_still_unread() -> None:
    question = "In which city was the designer of Oslo Tower born?"
    assert "Ann Lee" in next_query(read(question, PASSAGES[:1], form=BARE), terse=True)
    compared = read("Who was born first, Ann Lee or Bob Ray?", PASSAGES[1:2], form=BARE)
    assert next_query(compared, terse=True) == "Bob Ray"


def test_confidence_lies_between_nothing_and_certainty() -> None:
    assert read("Who?", [], form=BARE).confidence == 0.0
    assert 0.0 < read("Who designed Oslo Tower?", PASSAGES, form=BARE).confidence <= 1.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("What is 3 * (4 + 5)?", "27"),
        ("2 plus 2", "4"),
        ("7 / 2 please", "3.5"),
        ("2^10", "1024"),
        ("1 / 0", None),
        ("9 ** 9 ** 9", None),
        ("on 2024-05-06", None),
        ("no numbers", None),
        ("room 12", None),
    ],
)
def test_sums_are_worked_out_and_nothing_is_evaluated(text: str, value: str | None) -> None:
    assert compute(text) == value


def test_labels_are_taken_at_their_word_until_examples_show_more() -> None:
    labels = ("card lost", "top up failed")
    assert label_scores("My card is lost", (), labels) == [1.0, 0.0]
    examples = (
        ("someone stole my purse", "card lost"),
        ("money did not arrive on my account", "top up failed"),
    )
    scores = label_scores("the money I sent has not arrived", examples, labels)
    assert scores[1] > scores[0]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ('["a", "b"]', ["a", "b"]),
        ('[{"title": "T", "text": "b", "score": 1}]', ["T | b"]),
        ("[1] «a»\n[2] «««\n    b\n    c\n»»»", ["a", "b\n    c"]),
        ("«one»", ["one"]),
        ("first\n\nsecond", ["first", "second"]),
        ("N/A", []),
        ("[broken", ["[broken"]),
    ],
)
def test_lists_are_read_however_they_are_set(text: str, items: list[str]) -> None:
    assert read_items(text) == items


def test_a_trajectory_gives_its_observations_alone() -> None:
    trajectory = (
        '[[ ## thought_0 ## ]]\nlook\n\n[[ ## observation_0 ## ]]\n["a", "b"]\n\n[[ ## thought_1 ## ]]\nend'
    )
    assert read_items(trajectory, observed=True) == ["a", "b"]
