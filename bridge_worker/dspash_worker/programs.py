"""Programs: `create_program`, in its three forms: a snippet, a class as text, an importable class."""

from __future__ import annotations

import builtins
import copy
import inspect
import symtable
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import dspy

from dspash_protocol import FaultError
from dspash_protocol.signature import SignatureError, SignatureSpec, closest, read_signature
from dspash_worker.call import Call
from dspash_worker.classes import callable_in_a_thread, forward_of, import_module_class, takes_anything
from dspash_worker.definitions import Definition, Kind
from dspash_worker.faults import of_program
from dspash_worker.modules import read_module
from dspash_worker.parameters import check_config, check_required, parameters_of
from dspash_worker.refusal import invalid, invalid_signature, invalid_value, pick
from dspash_worker.signatures import Inputs, NamedInputs, SignatureInputs, inputs_of_function
from dspash_worker.source import compile_text, load_module
from dspash_worker.tools import read_tools
from dspash_worker.workbench import Workbench, id_of

__all__ = ["SnippetProgram", "create_program", "define_program"]

LMS: Final = "lms"
"""Under this name a program finds its models, by the names they were given."""

FORMS: Final = ("forward_fn", "source", "class")


class SnippetProgram(dspy.Module):
    """A program whose forward is a snippet: it sees `self`, the inputs and the tools by name, and sets `result`."""

    def __init__(self, title: str, code: types.CodeType, names: Mapping[str, Any]) -> None:
        super().__init__()
        self._title = title
        self._code = code
        self._names = dict(names)

    def __deepcopy__(self, memo: dict[int, Any]) -> SnippetProgram:
        """Copy the modules; the code and the tools are the same in every copy."""
        made = SnippetProgram(self._title, self._code, self._names)
        memo[id(self)] = made
        for name, value in vars(self).items():
            if name not in ("_code", "_names", "_title", "history", "callbacks"):
                setattr(made, name, copy.deepcopy(value, memo))
        return made

    def forward(self, **inputs: Any) -> Any:
        namespace = {"dspy": dspy, **self._names, **inputs, "self": self}
        exec(self._code, namespace)  # noqa: S102  (running the host's program is what a worker is for)
        if "result" not in namespace:
            raise ValueError("forward_fn ended without setting `result`")
        result = namespace["result"]
        return dspy.Prediction(**result) if isinstance(result, dict) else result


def create_program(workbench: Workbench, call: Call) -> dict[str, Any]:
    """Answer `create_program {id, forward_fn | source | class, class_name?, modules?, tools?, lms?, config?,
    signature? | inputs?}`.
    """
    with workbench.defining(call) as promise:
        definition = define_program(workbench, call, call.args, id_of(call.args, "id"))
        workbench.keep(call, promise, definition)
    return definition.to_map()


def define_program(
    workbench: Workbench, call: Call, args: Mapping[str, Any], id: str, path: str = "$"
) -> Definition:
    """Build what `args` describe. Raises FaultError naming the key that does not fit, or the line that raised."""
    with workbench.loading(call) as said:
        definition = _define(workbench, call, args, id, path)
    return replace(definition, settings=said)


def _define(workbench: Workbench, call: Call, args: Mapping[str, Any], id: str, path: str) -> Definition:
    given = [form for form in FORMS if args.get(form) is not None]
    if len(given) != 1:
        raise invalid(f"{path}.{given[1] if given else 'forward_fn'}", f"one of {', '.join(FORMS)} is wanted")
    form = given[0]
    text = pick(args, form, str, "text", path=path)
    tools = read_tools(args.get("tools"), full=workbench.full, path=f"{path}.tools")
    config = pick(args, "config", Mapping, "a map", path=path, default={})
    parts = list(_read_parts(workbench, call, args.get("modules"), f"{path}.modules"))
    names: dict[str, Any] = {name: tool.function for name, tool in tools.items()}
    if args.get("lms") is not None:
        names[LMS] = _read_models(workbench, args["lms"], f"{path}.lms")
    title = f"program {id}"
    if form == "forward_fn":
        program, inputs = _snippet(title, text, names, f"{path}.forward_fn")
        for name, value in config.items():
            setattr(program, _attribute(name, f"{path}.config.{name}"), value)
    else:
        found = (
            _class_in_text(title, text, names, args, path)
            if form == "source"
            else import_module_class(text, path=f"{path}.class")
        )
        program = _construct(found, title, config, f"{path}.config")
        inputs = inputs_of_function(forward_of(program))
    for name, part in parts:
        setattr(program, name, part.module)
    spec = _read_spec(args, path)
    declared = _declared_inputs(args, spec, path) or inputs
    return Definition(
        id, Kind.PROGRAM, form, program, declared, spec, tools, parts=tuple(name for name, _ in parts)
    )


def _read_models(workbench: Workbench, raw: object, path: str) -> dict[str, dspy.LM]:
    """Return the models that a program finds under names of its own."""
    if not isinstance(raw, Mapping):
        raise invalid_value(path, "a map of models", raw)
    return {name: workbench.models.build(given, path=f"{path}.{name}") for name, given in raw.items()}


def _snippet(title: str, text: str, names: Mapping[str, Any], path: str) -> tuple[SnippetProgram, Inputs]:
    try:
        code = compile_text(text, title, path=path)
    except FaultError as error:
        if "'return' outside function" in error.fault.message:
            raise FaultError(
                replace(
                    error.fault, message=f"{error.fault.message}; a snippet sets `result` and returns nothing"
                )
            ) from None
        raise
    required = _free_names(text, title) - names.keys() - _GIVEN
    return SnippetProgram(title, code, names), NamedInputs(frozenset(required), None)


def _free_names(text: str, title: str) -> set[str]:
    """Return the names that a snippet reads and never sets: its inputs, and what everybody has."""
    table = symtable.symtable(text, title, "exec")
    own = {
        symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()
    }
    read = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    for inner in _inner_tables(table):
        read |= {
            symbol.get_name()
            for symbol in inner.get_symbols()
            if symbol.is_referenced() and symbol.is_global()
        }
        own |= {symbol.get_name() for symbol in inner.get_symbols() if symbol.is_declared_global()}
    return read - own


_GIVEN: Final = frozenset(dir(builtins)) | {"self", "dspy", "result", "__name__"}


def _inner_tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _inner_tables(child)


def _class_in_text(
    title: str, text: str, names: Mapping[str, Any], args: Mapping[str, Any], path: str
) -> type[dspy.Module]:
    """Run a text and return the `dspy.Module` class in it: the one that `class_name` names, or the only one."""
    with of_program(title):
        made = load_module(text, title, {"dspy": dspy, **names}, path=f"{path}.source")
    wanted = pick(args, "class_name", str, "text", path=path)
    classes = {
        name: value
        for name, value in made.items()
        if inspect.isclass(value) and issubclass(value, dspy.Module) and value.__module__ == made["__name__"]
    }
    if wanted is not None:
        if wanted not in classes:
            hint = closest(wanted, classes) or f"there are {', '.join(classes) or 'none'}"
            raise invalid(f"{path}.class_name", f"the source has no dspy.Module class {wanted!r}", hint=hint)
        return classes[wanted]
    outermost = [
        made for made in classes.values() if not any(made in other.__mro__[1:] for other in classes.values())
    ]
    if len(outermost) != 1:
        there = ", ".join(classes) or "none"
        raise invalid(
            f"{path}.source",
            f"one dspy.Module class is wanted, there are {there}",
            hint="say which with class_name" if classes else "",
        )
    return outermost[0]


def _construct(made: Callable[..., Any], title: str, config: Mapping[str, Any], path: str) -> dspy.Module:
    if not takes_anything(made.__init__):
        parameters = parameters_of(made)
        check_required(check_config(config, parameters, path=path), parameters, path=path)
    with of_program(title):
        return callable_in_a_thread(made(**config))


def _read_parts(workbench: Workbench, call: Call, raw: object, path: str) -> Iterator[tuple[str, Definition]]:
    """Yield the modules of a program by the names of their attributes; a name left out is the module's id."""
    if raw is None:
        return
    if not isinstance(raw, list | tuple):
        raise invalid_value(path, "a list of modules", raw)
    for index, item in enumerate(raw):
        place = f"{path}[{index}]"
        part = read_module(workbench, call, item, path=place)
        name = item.get("name") if isinstance(item, Mapping) else None
        yield _attribute(part.id if name is None else name, f"{place}.name"), part


def _attribute(name: object, path: str) -> str:
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_") or name in _TAKEN:
        raise invalid(
            path, f"{name!r:.60} cannot be an attribute of a program", hint="use another Python identifier"
        )
    return name


_TAKEN: Final = frozenset(dir(dspy.Module)) | {"forward", "aforward", "history", "callbacks"}


def _read_spec(args: Mapping[str, Any], path: str) -> SignatureSpec | None:
    if args.get("signature") is None:
        return None
    try:
        return read_signature(args["signature"], path=f"{path}.signature")
    except SignatureError as error:
        raise invalid_signature(error) from None


def _declared_inputs(args: Mapping[str, Any], spec: SignatureSpec | None, path: str) -> Inputs | None:
    """Return the inputs as the request declares them: by a signature, or by a list of names."""
    if spec is not None:
        return SignatureInputs(spec)
    raw = args.get("inputs")
    if raw is None:
        return None
    if not isinstance(raw, list) or not all(isinstance(name, str) and name.isidentifier() for name in raw):
        raise invalid_value(f"{path}.inputs", "a list of names", raw)
    return NamedInputs(frozenset(raw), frozenset(raw))
