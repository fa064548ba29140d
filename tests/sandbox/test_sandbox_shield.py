"""The shield: who starts sandboxes as an ordinary user cannot be read by that user's other processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.inside import run_as_ordinary_user

LOOK = """
import os, subprocess, sys
from dspash.sandbox import Tier, ZygoteSpec, zygote_command
def look():
    code = f"open('/proc/{os.getpid()}/environ', 'rb').read(); open('/proc/{os.getpid()}/mem', 'rb'); print('read')"
    done = subprocess.run([sys.executable, '-I', '-S', '-c', code], capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1].split(':')[0]
before = look()
zygote_command(ZygoteSpec.of(python=sys.executable, tier=Tier.TIER)).close()
print(before, look())
read, write = os.pipe()
os.readlink(f'/proc/self/fd/{read}'), open(f'/proc/self/fdinfo/{read}').read()
"""


@pytest.mark.bwrap
def test_whoever_starts_a_sandbox_cannot_be_read(home: Path) -> None:
    assert run_as_ordinary_user(LOOK.replace("Tier.TIER", "Tier.STRICT"), home) == "read PermissionError"


def test_whoever_starts_trusted_workers_is_left_alone(home: Path) -> None:
    assert run_as_ordinary_user(LOOK.replace("Tier.TIER", "Tier.PROCESS"), home) == "read read"
