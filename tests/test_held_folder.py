"""Folders that nobody holds any more are removed, and no others."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from tests.held_folder import held_folder

REPOSITORY = Path(__file__).resolve().parent.parent
HOLD = """
import sys, time
from pathlib import Path
from tests.held_folder import held_folder
with held_folder("mine-", Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_folder_of_a_process_that_was_ended_goes_with_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "mine-without").mkdir()
    with held_folder("mine-", tmp_path) as kept:
        command = [sys.executable, "-c", HOLD, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
            assert process.stdout is not None
            abandoned = Path(process.stdout.readline().strip())
            assert abandoned.parent == tmp_path
            process.send_signal(signal.SIGTERM)
        assert abandoned.exists()
        with held_folder("mine-", tmp_path) as next_one:
            assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "mine-without", kept, next_one])
    assert list(tmp_path.iterdir()) == [tmp_path / "mine-without"]
