"""Contents: what is kept of a runnable, and of the sandbox that it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from dspash.app.runnable import Program, Runnable
from dspash.app.sandbox_choice import SandboxChoice, SandboxWords, read_limits
from dspash.errors import ConfigurationError
from dspash.resources.content import (
    Content,
    ModuleContent,
    ProgramContent,
    ProgramForm,
    ToolContent,
    signature_of,
)
from dspash.sandbox import Limits

__all__ = ["content_of_runnable", "module_name_of", "read_sandbox", "sandbox_of"]

_FORMS = {"source": ProgramForm.SOURCE, "forward_fn": ProgramForm.FORWARD_FN, "class": ProgramForm.CLASS}


def content_of_runnable(runnable: Runnable) -> Content:
    """All that it is, apart from its name. Raises ContentError for what cannot be kept, such as a live object."""
    create = runnable.create
    tools = tuple(ToolContent(tool["name"], tool["desc"], tool["args"]) for tool in create["tools"])
    parts = [content_of_runnable(part) for part in runnable.parts]
    if isinstance(runnable, Program):
        form = next(key for key in _FORMS if create.get(key) is not None)
        names = [module["name"] for module in create["modules"]]
        return ProgramContent(
            _FORMS[form],
            create[form],
            class_name=create.get("class_name"),
            config=create["config"],
            modules=tuple(zip(names, cast("list[ModuleContent]", parts), strict=True)),
            tools=tools,
            state=runnable.state,
        )
    signature = create.get("signature")
    return ModuleContent(
        create["type"],
        signature=None if signature is None else signature_of(signature, "$.signature"),
        config=create["config"],
        tools=tools,
        inner=parts[0] if parts else None,
        reward=create.get("reward"),
        class_path=create.get("class"),
        state=runnable.state,
    )


def module_name_of(runnable: Runnable, content: ModuleContent) -> str:
    """What a module is kept as: the name it was given, or one made of what it is."""
    return runnable.name or f"{content.type}-{content.unlearned.content_hash[:8]}"


def sandbox_of(choice: SandboxChoice | None, usual: SandboxChoice | None) -> dict[str, Any]:
    """What is kept of a program's sandbox: what differs from that which it would have without a word."""
    if choice is None:
        return {} if usual is None else {"sandbox": "process"}
    told: dict[str, Any] = {
        "sandbox": str(choice.tier),
        "limits": asdict(choice.limits),
        "mounts": {name: str(path) for name, path in choice.mounts.items()},
        "python": choice.python,
        "lms": dict(choice.models),
        "persistent": choice.persistent,
    }
    same = {} if usual is None else sandbox_of(usual, None)
    return {
        word: value
        for word, value in told.items()
        if same.get(word) != value and value not in (None, {}, False)
    }


def read_sandbox(kept: Mapping[str, Any]) -> SandboxWords:
    """The words that were kept, as they are said. Raises ConfigurationError for any other."""
    known = SandboxWords.__annotations__
    for word in kept:
        if word not in known:
            raise ConfigurationError(
                f"sandbox.{word}", "no such word is known", f"there are {', '.join(known)}"
            )
    words = dict(kept)
    limits = words.get("limits")
    if isinstance(limits, Mapping):
        try:
            words["limits"] = Limits(**cast("Mapping[str, Any]", limits))
        except TypeError as error:
            raise ConfigurationError("sandbox.limits", str(error), "give fields of dspash.Limits") from None
    elif limits is not None:
        words["limits"] = read_limits("sandbox.limits", limits)
    return cast("SandboxWords", words)
