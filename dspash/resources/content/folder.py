"""Folder: a program as plain files that people read and git compares line by line.

    program.toml                        name, description, form, and the order of modules and predictors
    program.py or forward.py            its text, to the letter
    config.json, tools.json             what its class is given, and which host functions it knows
    modules/<attribute>.json            the modules that it is made of
    predictors/<name>/instructions.txt  what was learned, predictor by predictor
    predictors/<name>/demos.json
    predictors/<name>/state.json        the rest of DSPy's own state of it

What is empty has no file. Which sandbox a program runs in is no part of it: that is for those who run it to say.
"""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote

from dspash.resources.content.canonical import indented_text, wire_of
from dspash.resources.content.content import ModuleContent, ProgramContent, ProgramForm, State, ToolContent
from dspash.resources.content.errors import ContentError
from dspash.resources.content.reading import list_in, map_in, refuse_unknown, text_in
from dspash.resources.content.toml_text import TomlValue, toml_text

__all__ = ["MANIFEST", "ProgramFolder"]

MANIFEST: Final = "program.toml"
FORMAT: Final = 1

_TEXT_FILES: Final = {ProgramForm.SOURCE: "program.py", ProgramForm.FORWARD_FN: "forward.py"}
_KEYS: Final = ("format", "name", "description", "form", "class", "class_name", "modules", "predictors")
_INSTRUCTIONS, _DEMOS, _STATE = "instructions.txt", "demos.json", "state.json"


@dataclass(frozen=True, slots=True)
class ProgramFolder:
    """What such a folder tells: the name and description of a program, and its content."""

    name: str
    description: str
    content: ProgramContent

    def files(self) -> dict[str, str]:
        """The texts by their paths below the folder. Equal contents give equal texts. Raises ContentError."""
        content = self.content
        files: dict[str, str] = {MANIFEST: toml_text(self._manifest())}
        if (text_file := _TEXT_FILES.get(content.form)) is not None:
            files[text_file] = content.text
        if content.config:
            files["config.json"] = indented_text(content.config)
        if content.tools:
            files["tools.json"] = indented_text([tool.to_map() for tool in content.tools])
        module_files = _module_files(name for name, _ in content.modules)
        for name, module in content.modules:
            files[module_files[name]] = indented_text(module.to_map())
        state = content.state or {}
        for name, folder in _predictor_folders(state).items():
            files.update(_predictor_files(folder, state[name]))
        return files

    @classmethod
    def of_files(cls, read: Callable[[str], str | None]) -> ProgramFolder:
        """Read what `files` gave; `read` gives the text of a file, or None when there is none.

        Only files that the manifest names are asked for, all of them below the folder. Raises ContentError naming the file.
        """
        manifest = _toml_in(_needed(read, MANIFEST), MANIFEST)
        refuse_unknown(manifest, _KEYS, MANIFEST)
        if manifest.get("format") != FORMAT:
            problem = f"its format is {manifest.get('format')!r:.20}"
            raise ContentError(MANIFEST, problem, f"this version of dspash reads format {FORMAT}")
        form = _form_in(manifest)
        text_file = _TEXT_FILES.get(form)
        content = ProgramContent(
            form,
            text_in(manifest, "class", MANIFEST) if text_file is None else _needed(read, text_file),
            class_name=text_in(manifest, "class_name", MANIFEST, default="") or None,
            config=wire_of(map_in(_json_in(read, "config.json", {}), "config.json")),
            modules=tuple(
                (name, ModuleContent.from_map(_json_in(read, file), file))
                for name, file in _module_files(_names_in(manifest, "modules")).items()
            ),
            tools=tuple(_tools_in(read)),
            state=_state_in(read, _names_in(manifest, "predictors")) or None,
        )
        description = text_in(manifest, "description", MANIFEST, default="")
        return cls(text_in(manifest, "name", MANIFEST), description, content)

    def _manifest(self) -> dict[str, TomlValue]:
        content = self.content
        parts: dict[str, TomlValue | None] = {
            "format": FORMAT,
            "name": self.name,
            "description": self.description or None,
            "form": str(content.form),
            "class": content.text if content.form is ProgramForm.CLASS else None,
            "class_name": content.class_name,
            "modules": [name for name, _ in content.modules] or None,
            "predictors": list(content.state or ()) or None,
        }
        return {key: value for key, value in parts.items() if value is not None}


def _predictor_files(place: str, raw: Any) -> Iterator[tuple[str, str]]:
    state = map_in(raw, place)
    signature, demos = state.get("signature"), state.get("demos")
    if isinstance(signature, Mapping):
        fields = dict(cast("Mapping[str, Any]", signature))
        instructions = fields.get("instructions")
        if isinstance(instructions, str):
            del fields["instructions"]
            state["signature"] = fields
            yield f"{place}/{_INSTRUCTIONS}", f"{instructions}\n"
    if demos:
        del state["demos"]
        yield f"{place}/{_DEMOS}", indented_text(demos)
    yield f"{place}/{_STATE}", indented_text(state)


def _state_in(read: Callable[[str], str | None], names: list[str]) -> State:
    state: dict[str, Any] = {}
    for name, place in _predictor_folders(names).items():
        own = map_in(_json_in(read, f"{place}/{_STATE}"), f"{place}/{_STATE}")
        instructions, demos = read(f"{place}/{_INSTRUCTIONS}"), _json_in(read, f"{place}/{_DEMOS}", None)
        if instructions is not None:
            fields = map_in(own.get("signature", {}), f"{place}/{_STATE}.signature")
            own["signature"] = {**fields, "instructions": instructions.removesuffix("\n")}
        if demos is not None:
            own["demos"] = demos
        state[name] = wire_of(own)
    return state


def _tools_in(read: Callable[[str], str | None]) -> Iterator[ToolContent]:
    raws: Any = _json_in(read, "tools.json", [])
    for index, raw in enumerate(list_in({"tools": raws}, "tools", "tools.json")):
        yield ToolContent.from_map(raw, f"tools.json[{index}]")


def _module_files(names: Iterable[str]) -> dict[str, str]:
    return {name: f"modules/{file}.json" for name, file in _file_names(names).items()}


def _predictor_folders(names: Iterable[str]) -> dict[str, str]:
    return {name: f"predictors/{file}" for name, file in _file_names(names).items()}


def _file_names(names: Iterable[str]) -> dict[str, str]:
    """For each name one that every file system takes, that leads nowhere else, and that is no other's in any case."""
    files: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = quote(name, safe="") or "%"
        plain = f"%2E{plain[1:]}" if plain.startswith(".") else plain
        numbered = (f"{plain}~{number}" for number in itertools.count(2))
        files[name] = next(each for each in itertools.chain((plain,), numbered) if each.lower() not in taken)
        taken.add(files[name].lower())
    return files


def _names_in(manifest: Mapping[str, Any], key: str) -> list[str]:
    names: dict[str, None] = {}
    for index, name in enumerate(list_in(manifest, key, MANIFEST)):
        if not isinstance(name, str) or name in names:
            place, problem = f"{MANIFEST}.{key}[{index}]", f"{name!r:.60} is no name of its own"
            raise ContentError(place, problem, "give each name once")
        names[name] = None
    return list(names)


def _form_in(manifest: Mapping[str, Any]) -> ProgramForm:
    form = text_in(manifest, "form", MANIFEST)
    try:
        return ProgramForm(form)
    except ValueError:
        known = ", ".join(ProgramForm)
        raise ContentError(f"{MANIFEST}.form", f"{form!r:.60} is no form", f"give one of {known}") from None


def _needed(read: Callable[[str], str | None], path: str) -> str:
    text = read(path)
    if text is None:
        raise ContentError(path, "the file is missing", "export the program again, or write it")
    return text


def _json_in(read: Callable[[str], str | None], path: str, *default: Any) -> Any:
    text = read(path) if default else _needed(read, path)
    if text is None:
        return default[0]
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ContentError(path, f"it is no JSON: {error}"[:200], "fix the file") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _toml_in(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ContentError(path, f"it is no TOML: {error}"[:200], "fix the file") from None
