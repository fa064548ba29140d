"""Inputs that do not fit are refused in the host as a worker refuses them, and nothing is sent."""

from __future__ import annotations

import pytest

from dspash.errors import InvalidInputError
from dspash.signatures import require_inputs
from dspash_protocol import FaultError, Progress
from dspash_protocol.signature import InputCheck, parse_signature
from dspash_worker.signatures import SignatureInputs

SPEC = parse_signature("question: str, passages: list[str], k?: int -> answer")
UNFIT = [
    {},
    {"question": 1, "passages": ["a", 2], "k": "3", "qestion": "x"},
    {"question": None, "passages": "a"},
    {f"x{number}": number for number in range(200)},
    ["question"],
    None,
]


def test_inputs_that_fit_pass() -> None:
    require_inputs(InputCheck(SPEC), {"question": "?", "passages": ("a",), "k": None})


@pytest.mark.parametrize("inputs", UNFIT, ids=["missing", "all at once", "none", "many", "list", "None"])
def test_the_host_says_what_a_worker_would_say(inputs: object) -> None:
    with pytest.raises(FaultError) as answered:
        SignatureInputs(SPEC).accept(inputs)
    with pytest.raises(InvalidInputError) as refused:
        require_inputs(InputCheck(SPEC), inputs)
    assert refused.value.message == answered.value.fault.message
    assert refused.value.details == answered.value.fault.details
    assert refused.value.progress is Progress.NOT_SENT
