"""Contents: modules and programs as hypothesis makes them, for every test that needs any."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from dspash.resources.content import ModuleContent, ProgramContent, ProgramForm, ToolContent, signature_of

__all__ = ["module_contents", "program_contents", "states", "texts", "wire_values"]

texts = st.text(max_size=12)
names = st.text("aAbB_9", max_size=4).map(lambda text: f"n{text}")
_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
wire_values: st.SearchStrategy[Any] = st.recursive(
    _scalars | texts | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=2),
    max_leaves=3,
)
wire_maps = st.dictionaries(names, wire_values, max_size=2)
signatures: st.SearchStrategy[dict[str, Any]] = st.builds(
    lambda given, wanted, told: signature_of(
        {
            "inputs": [{"name": f"in_{name}"} for name in given],
            "outputs": [{"name": f"out_{name}", "type": "list[str]", "desc": told} for name in wanted],
        },
        "$",
    ),
    st.lists(st.sampled_from("abc"), max_size=2, unique=True),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True),
    st.sampled_from(["", "What it says"]),
)
_leaves = st.fixed_dictionaries(
    {
        "traces": st.just([]),
        "train": st.just([]),
        "demos": st.lists(wire_maps, max_size=2),
        "signature": st.fixed_dictionaries(
            {"instructions": texts, "fields": st.just([{"prefix": "Question:"}])}
        ),
        "lm": st.none(),
    }
)
states: st.SearchStrategy[dict[str, Any]] = st.dictionaries(names | texts, _leaves, min_size=1, max_size=2)
tools = st.lists(st.builds(ToolContent, names, texts, wire_maps), max_size=2).map(tuple)


@st.composite
def module_contents(draw: st.DrawFn, depth: int = 1) -> ModuleContent:
    """Any module; at `depth` above 0 it may be made of another one."""
    inner = draw(st.none() | module_contents(depth - 1)) if depth else None
    return ModuleContent(
        draw(st.sampled_from(["predict", "chain_of_thought", "react"])),
        signature=draw(st.none() | signatures),
        config=draw(wire_maps),
        tools=draw(tools),
        inner=inner,
        reward=draw(st.none() | st.just("exact_match")),
        class_path=draw(st.none() | st.just("package.module:Class")),
        state=draw(st.none() | states),
    )


@st.composite
def program_contents(draw: st.DrawFn) -> ProgramContent:
    """Any program."""
    attributes = draw(st.lists(names, max_size=2, unique=True))
    return ProgramContent(
        draw(st.sampled_from(ProgramForm)),
        draw(texts),
        class_name=draw(st.none() | names),
        config=draw(wire_maps),
        modules=tuple((name, draw(module_contents())) for name in attributes),
        tools=draw(tools),
        state=draw(st.none() | states),
    )
