"""A prediction is a map of the output fields, and reads like an object."""

from __future__ import annotations

import copy
import pickle

import pytest

from dspash import Prediction

USAGE = {"offline": {"total_tokens": 7}}


def test_fields_are_read_by_key_and_by_attribute_in_their_order() -> None:
    prediction = Prediction({"reasoning": "because", "answer": "Paris"}, USAGE)
    assert prediction["answer"] == prediction.answer == "Paris"
    assert list(prediction) == ["reasoning", "answer"]
    assert prediction == {"reasoning": "because", "answer": "Paris"}
    assert prediction.usage_of_lm == USAGE
    assert repr(prediction) == "Prediction(reasoning='because', answer='Paris')"
    assert {"answer", "reasoning", "to_dict"} <= set(dir(prediction))


def test_a_field_that_is_not_there_is_told_with_those_that_are() -> None:
    prediction = Prediction({"answer": "Paris"})
    with pytest.raises(AttributeError, match=r"'anwser'.*answer"):
        _ = prediction.anwser
    with pytest.raises(KeyError):
        _ = prediction["anwser"]
    assert not hasattr(prediction, "anwser")
    with pytest.raises(AttributeError, match="none"):
        _ = Prediction({}).answer


def test_a_field_named_like_a_method_hides_none() -> None:
    prediction = Prediction({"keys": "of the house", "usage_of_lm": "much"})
    assert set(prediction.keys()) == {"keys", "usage_of_lm"}
    assert (prediction["keys"], prediction["usage_of_lm"]) == ("of the house", "much")
    assert prediction.usage_of_lm == {}


def test_what_it_was_made_of_and_what_it_gives_away_are_copies() -> None:
    fields = {"answer": "Paris"}
    prediction = Prediction(fields)
    fields["answer"] = "Rome"
    prediction.to_dict()["answer"] = "Rome"
    assert prediction.answer == "Paris"


def test_pickles_and_copies_keep_fields_and_usage() -> None:
    prediction = Prediction({"answer": ["Paris"]}, USAGE)
    for again in (
        pickle.loads(pickle.dumps(prediction)),
        copy.copy(prediction),
        copy.deepcopy(prediction),
    ):
        assert type(again) is Prediction
        assert (again, again.usage_of_lm) == (prediction, USAGE)
