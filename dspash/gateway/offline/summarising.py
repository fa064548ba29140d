"""Summarising: the sentences of the inputs that say most of what they say."""

from __future__ import annotations

from collections import Counter
from typing import Final

from dspash.gateway.offline.draft import Draft
from dspash.gateway.offline.material import read_items
from dspash.gateway.offline.passage import read_passage, split_sentences
from dspash.gateway.offline.span import Kind, find_spans
from dspash.gateway.offline.task import Field
from dspash.gateway.offline.tokens import bag_of, content_stems

__all__ = ["echo", "extract_sentences", "key_terms", "summarise"]

_SENTENCES: Final = 2
_LONGEST: Final = 8000
_LONGEST_ECHO: Final = 4000


def summarise(draft: Draft, field: Field) -> str:
    """About two sentences of the inputs, or as many words as the examples take, in the order in which they stand."""
    lengths = sorted(
        len(demo.output_text(field.name).split()) for demo, _ in draft.prompt.demo_values(field.name)
    )
    words = lengths[len(lengths) // 2] if lengths else None
    summary = " ".join(extract_sentences(draft.input_text[:_LONGEST], _SENTENCES))
    if "title" in field.name or "headline" in field.name:
        words = words or 8
    if words is not None and len(summary.split()) > words * 1.5:
        summary = " ".join(summary.split()[: max(words, 1)])
    return summary or "Nothing was given to sum up."


def extract_sentences(text: str, count: int) -> list[str]:
    """The `count` sentences whose words come up most in the whole text, in their order."""
    sentences = [sentence.text for part in read_items(text) for sentence in read_passage(part).sentences]
    common = Counter(content_stems(text))
    scored: list[tuple[float, int]] = []
    for i, sentence in enumerate(sentences):
        bag = bag_of(sentence)
        weight = sum(common[s] for s in bag) / (len(bag) + 5)
        scored.append((-weight - 1.0 / (1 + i), i))
    chosen = sorted(i for _, i in sorted(scored)[:count])
    return [sentences[i] for i in chosen]


def key_terms(text: str, count: int) -> list[str]:
    """Names in the text, then its most frequent content words, without repetitions."""
    found: dict[str, None] = {}
    for sentence in split_sentences(text[:_LONGEST])[:20]:
        for span in find_spans(sentence):
            if span.kind in {Kind.NAME, Kind.QUOTED}:
                found.setdefault(span.text)
    if len(found) < count:
        for word, _ in Counter(content_stems(text[:_LONGEST])).most_common(count):
            found.setdefault(word)
    return list(found)[:count]


def echo(draft: Draft, field: Field) -> str:
    """The longest input, as it is: without knowledge of languages or style, that keeps what it says."""
    del field
    texts = [text for text in draft.prompt.inputs.values() if text.strip()]
    return max(texts, key=len, default="")[:_LONGEST_ECHO] or "Nothing was given."
