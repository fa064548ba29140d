"""LiteLLM's proxy, a server of other people's, answers programs through the gateway: whole, streamed, and with vectors."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

import dspash
from tests.gateway.litellm_proxy import ANSWER, CHAT, EMBEDDING, VECTOR, LiteLLMProxy

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

EMBEDDER: Final = """
class Embedding(dspy.Module):
    def forward(self, text):
        vectors = dspy.Embedder("openai/mock-embedding", caching=False)([text])
        return dspy.Prediction(vectors=[list(map(float, vector)) for vector in vectors])
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Generator[dspash.App]:
    pytest.importorskip("litellm.proxy", reason="needs LiteLLM's proxy: pip install 'dspash[test-peers]'")
    folder = tmp_path_factory.mktemp("proxy")
    with LiteLLMProxy.running(folder) as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", proxy.key)
        patch.setenv("OPENAI_BASE_URL", f"{proxy.url}/v1")
        with dspash.open(lm=f"openai/{CHAT}", database=folder / "peers.db") as app:
            yield app


def test_a_program_is_answered(app: dspash.App) -> None:
    qa = app.module("predict", "question -> answer")
    assert qa(question="Who designed the tower?").answer == ANSWER
    [used] = app.lm.usage(by="model")
    assert used.calls == 1
    assert used.input_tokens > 0


def test_a_stream_joins_to_the_answer(app: dspash.App) -> None:
    qa = app.module("predict", "question -> answer")
    items = list(app.stream(qa, {"question": "Who designed the other tower?"}))
    tokens = [item.text for item in items if isinstance(item, dspash.Token)]
    assert len(tokens) > 1
    assert "".join(tokens).strip() == ANSWER
    assert items[-1].answer == ANSWER  # type: ignore[union-attr]


def test_texts_get_their_vectors(app: dspash.App) -> None:
    program = app.program("Embedding", source=EMBEDDER, lms=[f"openai/{EMBEDDING}"])
    [vector] = program(text="a tower").vectors
    assert vector == pytest.approx(VECTOR)


def test_its_errors_are_named(app: dspash.App, tmp_path: Path) -> None:
    with dspash.open(lm="openai/no-such-model", database=tmp_path / "x.db") as other:
        qa = other.module("predict", "question -> answer")
        with pytest.raises(dspash.LMCallError) as caught:
            qa(question="Who?")
        assert "no-such-model" in str(caught.value)
        assert EMBEDDING not in str(caught.value)
