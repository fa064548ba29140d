"""Write the generated files, or with --check say which of them are stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PROTOCOL = REPOSITORY / "protocol"


def make_vectors() -> dict[Path, str]:
    """The protocol's conformance vectors."""
    import vector_files

    return vector_files.make_vectors(PROTOCOL / "vectors")


def make_spec() -> dict[Path, str]:
    """The protocol's specification."""
    import spec

    return spec.make_spec(PROTOCOL / "SPEC.md")


def make_reference() -> dict[Path, str]:
    """The library's reference."""
    import reference  # imports DSPy, which takes a while: only when asked for

    return reference.make_reference(REPOSITORY / "docs" / "reference.md")


def make_commands() -> dict[Path, str]:
    """The resources among the commands, so that help need not load them."""
    from dspash.cli.resource_group import INDEX_FILE, make_index
    from dspash.resources import DOMAIN

    return {INDEX_FILE: make_index(DOMAIN.describe())}


def make_configuration() -> dict[Path, str]:
    """The settings."""
    import configuration

    return configuration.make_configuration(REPOSITORY / "docs" / "configuration.md")


def make_resources() -> dict[Path, str]:
    """The reference of all resources."""
    import resource_reference

    return resource_reference.make_resources(REPOSITORY / "docs" / "reference" / "resources.md")


def make_faces() -> dict[Path, str]:
    """The types of all collections."""
    import collection_faces

    from dspash.resources import DOMAIN

    return collection_faces.make_faces(REPOSITORY / "dspash" / "app" / "collections.pyi", DOMAIN)


def make_models() -> dict[Path, str]:
    """The table of models, with prices."""
    import model_facts

    return model_facts.make_model_facts(REPOSITORY / "dspash" / "gateway" / "providers" / "models.json")


def make_optimizers() -> dict[Path, str]:
    """The table of DSPy's optimizers, and the page that shows it."""
    import optimizer_types  # imports DSPy

    table = REPOSITORY / "dspash" / "resources" / "optimizer_types.json"
    return optimizer_types.make_optimizer_types(table, REPOSITORY / "docs" / "reference" / "optimizers.md")


TARGETS: dict[str, Callable[[], dict[Path, str]]] = {
    "vectors": make_vectors,
    "spec": make_spec,
    "reference": make_reference,
    "commands": make_commands,
    "resources": make_resources,
    "faces": make_faces,
    "configuration": make_configuration,
    "models": make_models,
    "optimizers": make_optimizers,
}


def main() -> int:
    """Return 0 when all is fresh (with --check) or written, 1 when something is stale."""
    parser = argparse.ArgumentParser(prog="scripts/generate", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=f"{', '.join(TARGETS)}; all by default")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is stale")
    arguments = parser.parse_args()
    unknown = [target for target in arguments.targets if target not in TARGETS]
    if unknown:
        parser.error(f"unknown target {unknown[0]!r}; there are {', '.join(TARGETS)}")
    stale = {
        path: text
        for target in arguments.targets or TARGETS
        for path, text in TARGETS[target]().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    }
    for path, text in stale.items():
        print(f"{'stale' if arguments.check else 'written'}: {path.relative_to(REPOSITORY)}")
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale and arguments.check:
        print("Run scripts/generate and commit what it writes.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
