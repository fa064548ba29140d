"""Provider: a stand-in for OpenAI in a process of its own, and the surroundings in which clients find it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["KEY", "MODEL", "chat_body", "openai_at", "provider"]

KEY: Final = "sk-bench"
MODEL: Final = "gpt-4o-mini"
_END_S: Final = 10.0
_NAMES: Final = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE")


@contextmanager
def provider(*, delay_s: float = 0.0, between_s: float = 0.0) -> Generator[str]:
    """Serve while the body runs; its base URL, with `/v1`, is also where the environment says that OpenAI is."""
    command = [sys.executable, "-m", "provider_server", "--key", KEY]
    command += ["--delay", str(delay_s), "--between", str(between_s)]
    scripts = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": scripts},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with openai_at(f"{process.stdout.readline().strip()}/v1") as url:
            yield url
    finally:
        process.stdin.close()
        process.wait(_END_S)
        process.stdout.close()


@contextmanager
def openai_at(url: str) -> Generator[str]:
    """While the body runs, the environment says that OpenAI is at `url`, and what its key is."""
    before = {name: os.environ.get(name) for name in _NAMES}
    os.environ.update(dict(zip(_NAMES, (KEY, url, url), strict=True)))
    try:
        yield url
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value


def chat_body(text: str) -> dict[str, object]:
    """A chat completion's body that asks `text`."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}]}
