"""Differences between contents: all that was changed is told, once, and nothing else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from dspash.resources.content import ContentDiff, PredictorDiff, ProgramContent, SettingDiff, diff_contents
from tests.resources.contents import program_contents
from tests.resources.test_content import PROGRAM, QA, STATE


@settings(max_examples=30)
@given(program_contents(), program_contents())
def test_contents_differ_where_their_hashes_do(before: ProgramContent, after: ProgramContent) -> None:
    same = before.content_hash == after.content_hash
    told = diff_contents(before, after)
    assert not diff_contents(before, before)
    # Two states may differ in more than predictors: that alone is not told.
    assert same <= (not told)
    if replace(before, state=None).content_hash != replace(after, state=None).content_hash:
        assert told


def test_a_change_of_the_text_is_told_line_by_line() -> None:
    after = replace(PROGRAM, text=f"{PROGRAM.text}\nresult['hops'] = 2")
    told = diff_contents(PROGRAM, after)
    assert told == ContentDiff(source=("@@ -1 +1,2 @@", f" {PROGRAM.text}", "+result['hops'] = 2"))


def test_instructions_and_demos_are_told_by_predictor() -> None:
    learned = PROGRAM.with_state(STATE)
    demo, more = STATE["qa"]["demos"][0], {"question": "Where?", "answer": "London"}
    signature = {**STATE["qa"]["signature"], "instructions": "Answer.\nIn one word."}
    later = PROGRAM.with_state({"qa": {**STATE["qa"], "demos": [more, more], "signature": signature}})
    told = diff_contents(learned, later)
    assert told.predictors == (
        PredictorDiff("qa", ("@@ -1 +1,2 @@", " Answer.", "+In one word."), (more, more), (demo,)),
    )
    assert list(told.lines()) == [
        "instructions of qa",
        "@@ -1 +1,2 @@",
        " Answer.",
        "+In one word.",
        "demos of qa",
        '-{"answer":"Ada","question":"Who?"}',
        '+{"answer":"London","question":"Where?"}',
        '+{"answer":"London","question":"Where?"}',
    ]


def test_what_only_one_side_has_is_told_whole() -> None:
    told = diff_contents(PROGRAM, PROGRAM.with_state(STATE))
    assert told.predictors[0].demos_added == tuple(STATE["qa"]["demos"])
    assert diff_contents(PROGRAM.with_state(STATE), PROGRAM).predictors[0].demos_removed


def test_a_setting_is_told_with_its_place() -> None:
    warmer = replace(PROGRAM, modules=(("qa", replace(QA, config={"temperature": 0.7})),))
    told = diff_contents(PROGRAM, warmer)
    assert told.settings == (SettingDiff("$.modules[0].config", None, {"temperature": 0.7}),)
    hotter = replace(PROGRAM, modules=(("qa", replace(QA, config={"temperature": 0.9})),))
    assert diff_contents(warmer, hotter).settings == (
        SettingDiff("$.modules[0].config.temperature", 0.7, 0.9),
    )
    assert list(diff_contents(warmer, hotter).lines())[1:] == [
        "-$.modules[0].config.temperature: 0.7",
        "+$.modules[0].config.temperature: 0.9",
    ]
