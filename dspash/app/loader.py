"""Loader: programs by name, as a version of them is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from dspash.app.builder import Builder
from dspash.app.plan import Tools, describe_tools
from dspash.app.records import Records
from dspash.app.registrar import Registrar
from dspash.app.runnable import Program
from dspash.errors import NotFoundError
from dspash_protocol import Progress

__all__ = ["Loader"]


class Loader:
    """Reads programs from an app's records, and has them built in its workers."""

    def __init__(self, records: Records, registrar: Registrar, builder: Builder) -> None:
        self._records = records
        self._registrar = registrar
        self._builder = builder

    def __repr__(self) -> str:
        return f"<Loader {self._records!r}>"

    def program(self, name: str, version: int | None, tools: Tools, sandbox: Mapping[str, Any]) -> Program:
        """The program of this name: `version`, or the live one, or the newest while none is live.

        `tools` are the host functions that it calls, `sandbox` what differs from what is kept of that. Raises NotFoundError,
        and ConfigurationError naming a host function that is missing.
        """
        from dspash.resources import program, versioning

        self._registrar.settle()
        scene = self._records.scene()
        try:
            record = scene.of(program.Program).get(name)
        except NotFoundError:
            details = {"way_out": "fix the name, or give source, forward_fn or cls to make it"}
            problem = f"no program is called {name!r:.80}"
            raise NotFoundError(problem, progress=Progress.NOT_SENT, details=details) from None
        definition = versioning.definition_of(scene, record, version)
        definition = replace(definition, sandbox={**definition.sandbox, **sandbox})
        functions = {tool.name: tool.function for tool in describe_tools(tools).values()}
        return cast("Program", self._builder.build(definition, functions=functions))
