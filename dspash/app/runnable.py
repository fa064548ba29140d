"""Runnable: the handle of a module or program that lives in the workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, Any

from dspash.app.sandbox_choice import SandboxChoice
from dspash.app.stream import Stream
from dspash.prediction import Prediction
from dspash.signatures import require_inputs
from dspash.usage import Usage
from dspash_protocol import Command
from dspash_protocol.signature import InputCheck

if TYPE_CHECKING:
    from dspash.app.app import App

__all__ = ["Module", "Program", "Runnable", "StatusMessage", "Token"]


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of streamed output: the field it belongs to, the text, and the predictor in the program that says it."""

    field: str
    text: str
    predictor: str = ""


@dataclass(frozen=True, slots=True)
class StatusMessage:
    """What a streamed program says it is doing: by default, that it calls a tool and that the tool has answered."""

    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Runnable:
    """Something that can be called. It holds no process: any worker can serve it, also one that starts later.

    `create` is the request that defines it, `state` what an optimizer has learned for it, if any; `score` is what the
    optimizer reached on its training set, `candidates` what it tried, and `usage` what that has used. `parts` are the
    modules it is made of. `sandbox` says how its calls are sandboxed; None: they run in the app's own workers. `check`
    holds inputs against its signature; None where only a worker knows what it takes. `name` is that under which it is kept;
    empty for a module that was given none.
    """

    app: App = field(repr=False)
    id: str
    create: Mapping[str, Any] = field(repr=False)
    _: KW_ONLY
    state: Mapping[str, Any] | None = field(default=None, repr=False)
    score: float | None = None
    candidates: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    usage: Usage | None = field(default=None, repr=False)
    parts: tuple[Runnable, ...] = field(default=(), repr=False)
    sandbox: SandboxChoice | None = field(default=None, repr=False)
    check: InputCheck | None = field(default=None, repr=False)
    name: str = field(default="", repr=False)

    @property
    def create_command(self) -> Command:
        """The command that `create` belongs to."""
        raise TypeError("a runnable is a Module or a Program")

    def request(self, inputs: Mapping[str, Any]) -> tuple[Command, dict[str, Any]]:
        """The request that runs it once. Raises InvalidInputError for inputs that are seen not to fit."""
        raise TypeError("a runnable is a Module or a Program")

    @property
    def reference(self) -> dict[str, str]:
        """How other requests name it."""
        raise TypeError("a runnable is a Module or a Program")

    def __call__(self, **inputs: Any) -> Prediction:
        """Run it once and wait. Raises a DspashError; see `App.run` for a timeout of one's own."""
        return self.app.run(self, inputs)

    async def acall(self, **inputs: Any) -> Prediction:
        """Run it once, awaited on any event loop."""
        return await self.app.arun(self, inputs)

    def stream(self, **inputs: Any) -> Stream[Token | StatusMessage | Prediction]:
        """Run it once; iterate over tokens as they come, and the prediction at the end. For `for` loops."""
        return self.app.stream(self, inputs)

    def astream(self, **inputs: Any) -> Stream[Token | StatusMessage | Prediction]:
        """The same, for `async for` loops."""
        return self.app.stream(self, inputs, wait=False)


@dataclass(frozen=True, slots=True, eq=False)
class Module(Runnable):
    """A DSPy module: a type (`chain_of_thought` …) and a signature."""

    @property
    def create_command(self) -> Command:
        return Command.CREATE_MODULE

    @property
    def reference(self) -> dict[str, str]:
        return {"module_id": self.id}

    def request(self, inputs: Mapping[str, Any]) -> tuple[Command, dict[str, Any]]:
        given = dict(inputs)
        if self.check is not None:
            require_inputs(self.check, given)
        return Command.FORWARD, {"module_id": self.id, "inputs": given, "detail": True}


@dataclass(frozen=True, slots=True, eq=False)
class Program(Runnable):
    """A DSPy program: modules and what is done with them."""

    @property
    def create_command(self) -> Command:
        return Command.CREATE_PROGRAM

    @property
    def reference(self) -> dict[str, str]:
        return {"program_id": self.id}

    def request(self, inputs: Mapping[str, Any]) -> tuple[Command, dict[str, Any]]:
        return Command.EXECUTE, {"program_id": self.id, "inputs": dict(inputs), "detail": True}
