"""Output files: they come whole, from below their folder, and are not too large."""

from __future__ import annotations

from dspash.sandbox import Limits
from tests.bridge.disposable_sandbox import Sandbox, limit_of


def test_files_come_whole_and_only_from_below_their_folder(sandbox: Sandbox) -> None:
    pieces = [
        {"path": "plot.png", "data": b"abc", "more": True},
        {"path": "plot.png", "data": b"def"},
        {"path": "sub/table.csv", "data": b"1,2"},
        {"path": "../../etc/passwd", "data": b"no"},
        {"path": "/etc/passwd", "data": b"no"},
        {"path": "a/./b", "data": b"no"},
        {"path": "cut", "data": b"never ends", "more": True},
        "no map",
        {"path": 7, "data": b"no"},
        {"path": "text", "data": "no bytes"},
    ]
    call = sandbox.submit("fake.deliver", {"pieces": pieces})
    call.wait()
    assert call.files == {"plot.png": b"abcdef", "sub/table.csv": b"1,2"}


def test_files_that_are_too_large_end_the_call(sandbox: Sandbox) -> None:
    pieces = [{"path": f"{number}", "data": bytes(600_000)} for number in range(2)]
    assert (
        limit_of(sandbox.submit("fake.deliver", {"pieces": pieces}, limits=Limits(scratch_mb=1))) == "scratch"
    )
