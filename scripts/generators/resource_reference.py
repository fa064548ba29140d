"""Resources: docs/reference/resources.md, made from what the domain says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["make_resources", "resources_page"]

_INTRODUCTION: Final = """\
# Resources

Made by `scripts/generate` from the declarations in `dspash/resources`. How they are stored and asked for:
[records](../records.md); how one is declared: [declaring a resource](../declaring-resources.md).

Every record has an `id` that grows with time, the `tenant_id` it belongs to, the times it was made and last changed, and
a `version` that counts its changes. Filters compare by {operators},
and join by `and`, `or`, `not`.
"""

_COMMON: Final = frozenset({"id", "tenant_id", "created_at", "updated_at", "version"})


def make_resources(path: Path) -> dict[Path, str]:
    """The text of docs/reference/resources.md."""
    from dspash.resources import DOMAIN

    return {path: resources_page(DOMAIN.describe())}


def resources_page(described: Mapping[str, Any]) -> str:
    """The page of a domain's description."""
    operators = ", ".join(f"`{word}`" for word in described["filter_operators"])
    parts = [_INTRODUCTION.format(operators=operators), _contents(described["resources"])]
    for resource in described["resources"]:
        parts += _resource(resource)
    return "\n".join(parts)


def _contents(resources: list[dict[str, Any]]) -> str:
    rows = [
        f"| [{found['name']}](#{found['name'].lower()}) | `{found['table']}` | {_first(found['doc'])} |"
        for found in resources
    ]
    return "\n".join(["| resource | table | |", "|---|---|---|", *rows, ""])


def _resource(resource: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {resource['name']}\n"
    yield resource["doc"] + "\n"
    if notes := list(_notes(resource)):
        yield " ".join(notes) + "\n"
    own = [found for found in resource["attributes"] if found["name"] not in _COMMON]
    yield _table(["attribute", "type", "", ""], [_attribute(found) for found in own])
    if resource["relations"]:
        yield _table(["relation", "leads to", "by"], [_relation(found) for found in resource["relations"]])
    yield _table(
        ["action", "arguments", ""],
        [_action(found) for found in resource["actions"] if not found["default"] and not found["internal"]],
    )
    if resource["states"] is not None:
        yield f"```mermaid\n{resource['states']['diagram']}\n```\n"


def _notes(resource: Mapping[str, Any]) -> Iterator[str]:
    if resource["key"]:
        yield f"A record is named by its `{resource['key']}`."
    if resource["append_only"]:
        yield "Records are never changed, nor destroyed one by one."
    if not resource["audited"]:
        yield "Their making leaves no audit entries."


def _attribute(found: Mapping[str, Any]) -> list[str]:
    marks = [word for word in ("unique", "indexed", "sensitive") if found[word]]
    if "unique" in marks:
        marks.remove("indexed")
    if found["references"]:
        marks = [f"id of a [{found['references']}](#{found['references'].lower()}), {found['on_delete']}"]
    if found["required"]:
        marks.insert(0, "required")
    return [f"`{found['name']}`", _type(found["schema"]), found["doc"], ", ".join(marks)]


def _relation(found: Mapping[str, Any]) -> list[str]:
    many = "many " if found["kind"] == "HasMany" else ""
    return [
        f"`{found['name']}`",
        f"{many}[{found['resource']}](#{found['resource'].lower()})",
        f"`{found['by']}`",
    ]


def _action(found: Mapping[str, Any]) -> list[str]:
    required = found["arguments"].get("required", ())
    names = [
        f"`{name}`" if name in required else f"`{name}`?" for name in found["arguments"].get("properties", {})
    ]
    record = "of a record" if found["takes_record"] else ""
    told = [", ".join(names), f"{found['kind']} {record}".strip() + ": " + " ".join(found["doc"].split())]
    return [f"`{found['name']}`", *told]


def _type(schema: Mapping[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(found) for found in schema["anyOf"]))
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "anything")
    if kind == "array" and "items" in schema:
        return f"list of {_type(schema['items'])}"
    return {"string": schema.get("format", "text"), "object": "map", "array": "list"}.get(kind, kind)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads), *lines, ""])


def _first(doc: str) -> str:
    return " ".join(doc.partition("\n\n")[0].split())
