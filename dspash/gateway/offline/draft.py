"""The draft: everything known about one prompt while its output fields are being written."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Final

from dspash.gateway.offline.form import Form, learn_form
from dspash.gateway.offline.material import Material, brought_by_tools, find_material
from dspash.gateway.offline.prompt import Demo, Prompt, joined
from dspash.gateway.offline.reader import Reading, read
from dspash.gateway.offline.role import Role, find_role
from dspash.gateway.offline.sampler import Sampler
from dspash.gateway.offline.shape import Text, essence
from dspash.gateway.offline.task import Field, Task
from dspash.gateway.port import JsonValue

__all__ = ["Draft"]

_NEAR_TIE: Final = 0.5
"""How far apart, at temperature 1, two answers' scores may usually be and still change places."""

_TERSE_BY_CHANCE: Final = 0.25
"""How often, at temperature 1, a bare answer is given where nobody has said which form is wanted."""


class Draft:
    """A prompt, what has been written for it so far, and the reading that several fields share. Not thread-safe."""

    def __init__(self, prompt: Prompt, sampler: Sampler) -> None:
        self.prompt = prompt
        self.sampler = sampler
        self.written: dict[str, JsonValue] = {}

    @cached_property
    def material(self) -> Material:
        """The question and the passages of this prompt, what tools brought in the conversation included."""
        found = find_material(self.prompt.inputs, self.prompt.task)
        brought = brought_by_tools(self.prompt.history)
        return replace(found, passages=(*found.passages, *brought)) if brought else found

    @cached_property
    def answer_field(self) -> Field | None:
        """The output field that answers the question: the last one that is an answer in words, if any."""
        texts = [field for field in self.prompt.task.outputs if isinstance(essence(field.shape), Text)]
        answers = [field for field in texts if find_role(field.name, field.description) is Role.ANSWER]
        return answers[-1] if answers else None

    @cached_property
    def form(self) -> Form:
        """How answers are set here, learned from the examples or asked for in words."""
        field = self.answer_field
        pairs: list[tuple[str, str]] = []
        if field is not None:
            for demo in self.prompt.demos:
                answer = demo.output_text(field.name)
                if answer:
                    pairs.append((_question_of(demo, self.prompt.base), answer))
        form = learn_form(pairs, f"{self.prompt.task.instructions} {field.description if field else ''}")
        if not form.examples and not form.bare and self.sampler.chance(_TERSE_BY_CHANCE):
            return replace(form, bare=True)
        return form

    @cached_property
    def reading(self) -> Reading:
        """The question read against its passages, as the examples taught."""
        return read(
            self.material.question,
            self.material.passages,
            form=self.form,
            noise=self.sampler.noise(_NEAR_TIE),
        )

    def reading_for(self, name: str) -> Reading:
        """The shared reading; where nothing is asked in words, a field's own name is the question to the inputs."""
        if self.material.question:
            return self.reading
        asked = f"What is the {name.replace('_', ' ')}?"
        passages = [text for text in self.prompt.inputs.values() if text.strip()]
        return read(asked, passages, form=self.form, noise=self.sampler.noise(_NEAR_TIE))

    @property
    def input_text(self) -> str:
        """All inputs as one text, for comparing one call with another; see Demo.input_text."""
        return joined(self.prompt.inputs)


@lru_cache(maxsize=256)
def _question_of(demo: Demo, task: Task) -> str:
    return find_material(demo.inputs, task).question
