"""Workbench: what one worker knows: how it is configured and what was defined in it."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NoReturn

import dspy

from dspash_protocol import Command, Fault, FaultError, FaultKind
from dspash_worker.call import Call
from dspash_worker.current import CALL_SETTING, running
from dspash_worker.definitions import Definition
from dspash_worker.history import History
from dspash_worker.interpreters import code_interpreter
from dspash_worker.lm import LanguageModels
from dspash_worker.lm_capabilities import KNOWN_SETTING, Capabilities
from dspash_worker.program_models import lead_models_to_host, leave_models_alone
from dspash_worker.program_settings import hear_settings
from dspash_worker.promises import Promise, Promises
from dspash_worker.refusal import invalid_value
from dspash_worker.runtime import prepare
from dspash_worker.usage import SharedUsage

__all__ = ["Configuration", "Workbench", "id_of"]

_CONFIGURATION: Final = "configuration"
NOTHING_SAID: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Configuration:
    """What `configure` has said so far: the settings of DSPy that every call begins with."""

    lm: dspy.LM | None = None
    adapter: dspy.Adapter | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Workbench:
    """State of one worker. Thread-safe.

    Definitions are promises: `reserve` puts one under the id as soon as the request has arrived, and whoever names
    that id waits for it. So a host may send definitions and calls one behind the other.
    """

    def __init__(self, *, full: bool) -> None:
        self.full = full
        self.history = History()
        self.models = LanguageModels(full, self.history)
        if full:
            lead_models_to_host(self.history)
        else:
            leave_models_alone()
        default = self.models.default()
        prepare(default)
        self._configuration: Promises[Configuration] = Promises()
        self._definitions: Promises[Definition] = Promises()
        self._capabilities: dict[str, Capabilities] = {}  # as the host has told them, by the names of models
        self._reserved: dict[int, Promise[Any]] = {}
        self._lock = threading.Lock()
        unasked = self._configuration.make(_CONFIGURATION, arrival=0)
        self._configuration.keep(_CONFIGURATION, unasked, Configuration(lm=default))

    def __repr__(self) -> str:
        return f"<Workbench full={self.full} definitions={self._definitions!r} open={len(self._reserved)}>"

    # --- promises ---

    def reserve(self, call: Call) -> None:
        """Promise what `call`, which defines something, will define. Quick. Raises FaultError for a missing id."""
        promises, name = self._subject_of(call)
        with self._lock:
            self._reserved[call.id] = promises.make(name, arrival=call.arrival)

    def abandon(self, call: Call, fault: Fault) -> None:
        """Break the promise of a call that ended before its handler ran."""
        with self._lock:
            promise = self._reserved.pop(call.id, None)
        if promise is not None:
            promises, name = self._subject_of(call)
            promises.breach(name, promise, fault)

    @contextmanager
    def defining(self, call: Call) -> Generator[Promise[Any]]:
        """Run the body of a defining command: its promise is broken with whatever the body raises."""
        from dspash_worker.faults import fault_of

        promises, name = self._subject_of(call)
        with self._lock:
            reserved = self._reserved.pop(call.id, None)
        promise: Promise[Any] = reserved or promises.make(name, arrival=call.arrival)
        try:
            yield promise
        except BaseException as error:
            promises.breach(name, promise, fault_of(error))
            raise

    def keep(self, call: Call, promise: Promise[Any], value: Any) -> None:
        """Keep the promise of a defining call; None forgets the name."""
        promises, name = self._subject_of(call)
        promises.keep(name, promise, value)

    def earlier(self, call: Call, promise: Promise[Any], id: str) -> Definition:
        """Return what stood under `id` before `promise`. Raises FaultError when nothing did."""
        found = promise.earlier.wait(call) if promise.earlier is not None else None
        return found or self._never_created(id)

    def _subject_of(self, call: Call) -> tuple[Promises[Any], str]:
        if call.command is Command.CONFIGURE:
            return self._configuration, _CONFIGURATION
        return self._definitions, id_of(call.args, "id")

    # --- what there is ---

    def configuration(self, call: Call) -> Configuration:
        """Return how the worker is configured, once what arrived before `call` is done."""
        promise = self._configuration.find(_CONFIGURATION, arrival=call.arrival)
        found = promise.wait(call) if promise is not None else None
        return found or Configuration()

    def definition(self, call: Call, id: str) -> Definition:
        """Return what stands under `id`, once what arrived before `call` is done. Raises FaultError when nothing does."""
        return self.find(call, id) or self._never_created(id)

    def find(self, call: Call, id: str) -> Definition | None:
        """The same; None when nothing was ever asked to stand there."""
        promise = self._definitions.find(id, arrival=call.arrival)
        return promise.wait(call) if promise is not None else None

    def _never_created(self, id: str) -> NoReturn:
        known = ", ".join(sorted(name for name, _ in self._definitions.settled())) or "nothing"
        raise FaultError.of(FaultKind.NOT_FOUND, f"{id!r:.80} was never created; there is {known}", id=id)

    def definitions(self) -> list[Definition]:
        """Return all that is defined by now."""
        return [definition for _, definition in self._definitions.settled()]

    def add(self, call: Call, definition: Definition) -> None:
        """Put a definition that `call` never promised, such as an optimizer's result."""
        promise = self._definitions.make(definition.id, arrival=call.arrival)
        self._definitions.keep(definition.id, promise, definition)

    # --- running ---

    @contextmanager
    def context(self, call: Call, said: Mapping[str, Any] = NOTHING_SAID) -> Generator[SharedUsage]:
        """Run DSPy for `call`: its own settings, trace and usage, and the way from an LM or a tool to the host.

        What the program has `said` itself outranks what the worker was configured with.
        """
        configured = self.configuration(call)
        usage = SharedUsage()
        settings = {
            CALL_SETTING: call,
            KNOWN_SETTING: self._capabilities,
            "lm": configured.lm,
            "adapter": configured.adapter,
            "interpreter_factory": code_interpreter,
            "usage_tracker": usage,
        }
        with running(call), dspy.context(**{**settings, **configured.options, **said, "trace": []}):
            yield usage

    @contextmanager
    def loading(self, call: Call) -> Generator[dict[str, Any]]:
        """Run the code that a definition brings, for `call`: it may use models already, and what it configures is told."""
        is_inside = dspy.settings.get(CALL_SETTING) is call  # parts are defined while the whole is
        with nullcontext() if is_inside else self.context(call), hear_settings() as said:
            yield said


def id_of(args: Mapping[str, Any], *keys: str) -> str:
    """Return the id under the first of `keys` that is there. Raises FaultError when there is none."""
    for key in keys:
        if key in args:
            value = args[key]
            if isinstance(value, str) and value:
                return value
            raise invalid_value(f"$.{key}", "an id (text)", value)
    raise invalid_value(f"$.{keys[0]}", "an id (text)", None)
