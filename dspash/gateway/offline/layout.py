"""Layouts: how DSPy's adapters set fields in text, read and written the way each of them does."""

from __future__ import annotations

import enum
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import quoteattr, unescape

from dspash.gateway.offline.jsontext import parse_object
from dspash.gateway.offline.shape import Listing, Record, Table, essence
from dspash.gateway.offline.task import Field, Task
from dspash.gateway.port import JsonMap, JsonValue

__all__ = ["MISSING", "Layout", "find_layout", "read_inputs", "read_outputs", "write_outputs"]

MISSING: Final = (
    "Not supplied for this particular example.",
    "Not supplied for this conversation history message.",
)
"""What an adapter writes for a field that an example does not have."""


class Layout(enum.Enum):
    """Which adapter wrote the prompt, and so how the answer must be set."""

    CHAT = "[[ ## field ## ]] markers"
    JSON = "one JSON object"
    XML = "one XML element a field"


_HEADER: Final = re.compile(r"^[ \t]*\[\[ ## (\w+) ## \]\][ \t]*(?:\n|$)?", re.MULTILINE)
_REQUEST: Final = re.compile(
    r"\n\nRespond with (?:the corresponding output fields|a JSON object in the following order of fields).*\Z",
    re.DOTALL,
)
_STRUCTURED_IN_XML: Final = re.compile(r"^<(\w+)>", re.MULTILINE)
# XML 1.0 has no way to write these, escaped or not.
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def find_layout(system: str, request: str) -> Layout:
    """The layout asked for at the end of the last user message, or else the one the system message lays down."""
    tail = _REQUEST.search(request)
    asked = tail.group() if tail else ""
    if "Respond with a JSON object" in asked:
        return Layout.JSON
    if "wrapped in XML tags" in asked:
        return Layout.XML
    if "Outputs will be a JSON object" in system and "[[ ## completed ## ]]" not in asked:
        return Layout.JSON
    # Field structures are set in elements by the XML adapter alone.
    return Layout.XML if _STRUCTURED_IN_XML.search(system) and "[[ ## " not in system else Layout.CHAT


def read_inputs(layout: Layout, text: str, task: Task) -> dict[str, str]:
    """The input fields set in a user message. What a field holds is not looked into: it may contain such marks too."""
    names = [field.name for field in task.inputs]
    text = _REQUEST.sub("", text)
    return _read_tags(text, names) if layout is Layout.XML else _read_markers(text, names)


def read_outputs(layout: Layout, text: str, task: Task) -> dict[str, JsonValue]:
    """The output fields set in an assistant message, those not supplied left out."""
    names = list(task.output_names)
    found: Mapping[str, JsonValue]
    if layout is Layout.JSON:
        found = _read_json(text, names)
    elif layout is Layout.XML:
        found = {name: _unescaped(value) for name, value in _read_tags(text, names).items()}
    else:
        found = {**_read_markers(text, names)}
    return {
        name: value
        for name, value in found.items()
        if not (isinstance(value, str) and value.strip() in MISSING)
    }


def write_outputs(layout: Layout, fields: Sequence[Field], values: Mapping[str, JsonValue]) -> str:
    """Set `values`, one for each of `fields`, so that the adapter reads them back."""
    if layout is Layout.JSON:
        return json.dumps({field.name: values[field.name] for field in fields}, ensure_ascii=False)
    if layout is Layout.XML:
        return "\n\n".join([_tagged(field, values[field.name]) for field in fields])
    sections = [f"[[ ## {field.name} ## ]]\n{_plain(values[field.name])}" for field in fields]
    return "\n\n".join([*sections, "[[ ## completed ## ]]"])


def _read_markers(text: str, names: Sequence[str]) -> dict[str, str]:
    """Sections under the markers of `names`, each taken once, in their order: other markers belong to the section."""
    found: dict[str, str] = {}
    open_name, open_at = "", 0
    for match in _HEADER.finditer(text):
        name = match[1]
        if name == "completed" and open_name == names[-1]:
            found[open_name] = text[open_at : match.start()].strip()
            return found
        if name not in names or name in found or name == open_name:
            continue
        if open_name:
            if names.index(name) < names.index(open_name):
                continue
            found[open_name] = text[open_at : match.start()].strip()
        open_name, open_at = name, match.end()
    if open_name:
        found[open_name] = text[open_at:].strip()
    return found


def _read_tags(text: str, names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    for name in names:
        opening, closing = f"<{name}>", f"</{name}>"
        start = text.find(opening, at)
        if start < 0:
            continue
        # The next field's tag bounds the search, so that a value may contain its own closing tag.
        bounds = [
            text.find(f"<{other}>\n", start + 1) for other in names if other not in found and other != name
        ]
        limit = min([bound for bound in bounds if bound > 0], default=len(text))
        end = text.rfind(closing, start, limit)
        if end < 0:
            end = text.find(closing, start)
        if end < 0:
            continue
        found[name] = text[start + len(opening) : end].strip()
        at = end
    return found


def _read_json(text: str, names: Sequence[str]) -> JsonMap:
    value = parse_object(text)
    return {name: value[name] for name in names if name in value}


def _unescaped(text: str) -> str:
    nested = _nested(text)
    return nested if nested is not None else unescape(text)


def _nested(text: str) -> str | None:
    """JSON for the inside of a nested element, or None when it is plain text."""
    if not text.startswith("<") or "<!" in text or "<?" in text:
        return None
    try:
        root = ET.fromstring(f"<value>{text}</value>")  # noqa: S314 - no declarations, so no entities to expand
        return json.dumps(_element_value(root), ensure_ascii=False)
    except (ET.ParseError, RecursionError):
        return None


def _element_value(element: ET.Element) -> JsonValue:
    children = list(element)
    if not children:
        return (element.text or "").strip()
    if all(child.tag == "item" for child in children):
        return [_element_value(child) for child in children]
    return {child.attrib.get("key", child.tag): _element_value(child) for child in children}


def _plain(value: JsonValue) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    # A line that looks like a marker would end the field when the answer is read.
    return str(value).replace("[[ ##", "[[##")


def _tagged(field: Field, value: JsonValue) -> str:
    if isinstance(essence(field.shape), (Listing, Record, Table)) and isinstance(value, (dict, list)):
        return _element(field.name, value)
    return f"<{field.name}>\n{_escaped(_plain(value))}\n</{field.name}>"


def _element(tag: str, value: JsonValue, key: str | None = None) -> str:
    name = f"{tag} key={quoteattr(key)}" if key is not None else tag
    if isinstance(value, list):
        inside = "".join([_element("item", item) for item in value])
    elif isinstance(value, dict):
        inside = "".join([_property(str(name), item) for name, item in value.items()])
    else:
        inside = "" if value is None else _escaped(str(value))
    return f"<{name}>{inside}</{tag}>"


def _property(name: str, value: JsonValue) -> str:
    plain = (name[:1] + name[1:].replace("-", "_").replace(".", "_")).isidentifier() and name.isascii()
    return _element(name, value) if plain else _element("entry", value, _NO_XML.sub("", name))


def _escaped(text: str) -> str:
    return _NO_XML.sub("", text).replace("&", "&amp;").replace("<", "&lt;").replace("]]>", "]]&gt;")
