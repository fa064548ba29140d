"""Two versions of DSPy side by side: each sandboxed program has that of its own interpreter."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

import dspash
from tests.wheel import install, make_environment

OTHER = "3.4.0"

SOURCE = """
import dspy
class Version(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict("question -> answer")
    def forward(self, question):
        return dspy.Prediction(answer=self.answer(question=question).answer, version=dspy.__version__)
"""

pytestmark = [pytest.mark.bwrap, pytest.mark.serial, pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """An interpreter with dspash and another DSPy."""
    if metadata.version("dspy") == OTHER:
        pytest.skip(f"the DSPy of these tests is {OTHER} itself")
    with tempfile.TemporaryDirectory(prefix="dspash-versions-") as folder:
        Path(folder).chmod(0o755)
        made = make_environment(Path(folder))
        try:
            install(made, f"dspy=={OTHER}", "--reinstall")
        except (AssertionError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"dspy {OTHER} cannot be fetched: {error}")
        yield made


@pytest.mark.parametrize("tier", ["strict", "process"])
def test_programs_of_one_app_run_on_two_versions_of_dspy(python: Path, tier: str) -> None:
    with dspash.open() as app:
        usual = app.program("usual", source=SOURCE, sandbox=tier)
        other = app.program("other", source=SOURCE, sandbox=tier, python=str(python))

        answers = [program(question="What is 2 + 3?") for program in (usual, other, usual)]

    assert [answer.version for answer in answers] == [
        metadata.version("dspy"),
        OTHER,
        metadata.version("dspy"),
    ]
    assert {answer.answer for answer in answers} == {"5"}
