"""A host that is killed in the middle of an import leaves nothing of it behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dspash.errors import TransitionError
from dspash.resources import DOMAIN
from dspash.resources.dataset import Dataset
from dspash.resources.dataset_filling import discard_abandoned
from dspash.resources.example import Example
from dspash.resources.kernel import Context, StoredScene
from dspash.store import Store

IMPORTING = """
import sys, threading
from dspash.resources import DOMAIN
from dspash.resources.dataset import Dataset
from dspash.resources.kernel import Context, StoredScene
from dspash.store import Store

def stop(told):
    print("written", flush=True)
    threading.Event().wait(60)

with Store.open(sys.argv[1]) as store:
    scene = StoredScene(Context("ann", "north", "request-1"), domain=DOMAIN, store=store)
    scene.of(Dataset).import_(name="Killed", path=sys.argv[2], on_progress=stop)
"""


@pytest.mark.timeout(90)
def test_what_a_killed_host_was_importing_is_discarded(tmp_path: Path) -> None:
    database, rows = tmp_path / "test.db", tmp_path / "rows.jsonl"
    rows.write_text('{"a": 1}\n' * 12_000)
    with Store.open(database) as store:
        scene = StoredScene(Context("bob", "north", "request-2"), domain=DOMAIN, store=store)
        with subprocess.Popen(
            [sys.executable, "-P", "-c", IMPORTING, str(database), str(rows)],
            stdout=subprocess.PIPE,
            text=True,
        ) as host:
            assert host.stdout is not None
            assert host.stdout.readline() == "written\n"
            assert scene.of(Example).count() > 0
            assert discard_abandoned(scene, Dataset) == 0, "its process goes on"
            with pytest.raises(TransitionError):
                scene.of(Dataset).rows("Killed")
            host.send_signal(signal.SIGKILL)
        assert discard_abandoned(scene, Dataset) == 1
        assert scene.of(Dataset).count() == scene.of(Example).count() == 0
