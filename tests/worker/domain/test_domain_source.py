"""Text of the host's is a module like any other while something of it lives, and leaves no trace after."""

from __future__ import annotations

import copy
import gc
import inspect
import linecache
import pickle
import sys
from typing import Any

import pytest

from dspash_protocol import FaultError
from dspash_worker.source import MAX_SOURCE, compile_text, load_module, title_of_file

TEXT = """from dataclasses import dataclass
import pydantic

@dataclass
class Point:
    x: "int"

class Model(pydantic.BaseModel):
    point: "Other | None" = None

class Other(pydantic.BaseModel):
    y: int = greeting

def shout(text):
    return text.upper()
"""


def test_classes_and_functions_have_a_home_that_inspect_and_pickle_find() -> None:
    names = load_module(TEXT, "program p", {"greeting": 3}, path="$.source")
    assert inspect.getsource(names["shout"]) == "def shout(text):\n    return text.upper()\n"
    assert inspect.getsource(names["Point"]).startswith("@dataclass\nclass Point:")
    point = names["Point"](1)
    assert pickle.loads(pickle.dumps(point)) == point
    assert copy.deepcopy(point) == point
    assert names["Other"]().y == 3
    home = sys.modules[names["Point"].__module__]
    assert home.shout("a") == "A"
    with pytest.raises(AttributeError):
        _ = home.missing


def test_nothing_is_kept_of_a_text_that_nobody_uses() -> None:
    names = load_module(TEXT, "program p", {"greeting": 3}, path="$.source")
    home, file = names["__name__"], names["__file__"]
    kept = names["shout"]
    del names
    gc.collect()
    assert home in sys.modules
    assert title_of_file(file) == "program p"
    del kept
    gc.collect()
    assert home not in sys.modules
    assert title_of_file(file) is None
    assert file not in linecache.cache


def test_lines_of_compiled_text_live_as_long_as_its_code() -> None:
    code = compile_text("x = 1\n", "program p", path="$")
    file = code.co_filename
    assert linecache.getline(file, 1) == "x = 1\n"
    del code
    gc.collect()
    assert file not in linecache.cache


def test_text_that_raises_leaves_nothing() -> None:
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        load_module("x = 1\nx / 0\n", "program p", {}, path="$")
    gc.collect()
    assert not {name for name in sys.modules if name.startswith("dspash_source_")} - before


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = = 1", "line 1, column 5"),
        ("def f():\n  return\n yield", "line 3"),
        ("#" * (MAX_SOURCE + 1), "over the limit"),
        ("(" * 1000 + ")" * 1000, "too many nested parentheses"),
        ("x = '\ud800'", "no Python source"),
    ],
)
def test_text_that_is_no_python_is_refused_by_its_place(text: str, problem: str) -> None:
    with pytest.raises(FaultError, match=problem):
        compile_text(text, "program p", path="$.source")


def test_refine_shows_a_model_the_source_of_a_program(scripted: Any) -> None:
    worker = scripted({"answer": "a"}, {"discussion": "d", "advice": {"inner": "more"}}, {"answer": "b"})
    source = "class Mine(dspy.Module):\n    def __init__(self):\n        super().__init__()\n        self.inner = dspy.Predict('q -> answer')\n    def forward(self, q):\n        return self.inner(q=q)\n"
    worker.call("create_program", id="p", source=source)
    reward = {"source": "def metric(inputs, prediction):\n    return float(prediction.answer == 'b')\n"}
    worker.call(
        "create_module", id="m", type="refine", module="p", reward=reward, config={"N": 2, "threshold": 1.0}
    )
    assert worker.call("forward", module_id="m", inputs={"q": "?"}) == {"answer": "b"}
    assert "class Mine(dspy.Module):" in str(worker.last.asked[1])
