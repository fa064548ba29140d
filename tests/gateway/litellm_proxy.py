"""LiteLLM's proxy in a process of its own: a server that other people wrote, answering without any model."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from tests.leaks import wait_until

__all__ = ["ANSWER", "CHAT", "EMBEDDING", "VECTOR", "LiteLLMProxy"]

CHAT: Final = "mock-chat"
EMBEDDING: Final = "mock-embedding"
ANSWER: Final = "Maurice Koechlin"
VECTOR: Final = [0.1, 0.2, 0.3]

_START_S: Final = 90.0
_END_S: Final = 10.0
_KEY: Final = "sk-of-the-proxy"
_CONFIG: Final = f"""
model_list:
  - model_name: {CHAT}
    litellm_params:
      model: openai/{CHAT}
      api_key: none
      mock_response: "[[ ## answer ## ]]\\n{ANSWER}\\n\\n[[ ## completed ## ]]"
  - model_name: {EMBEDDING}
    litellm_params: {{model: openai/{EMBEDDING}, api_key: none, mock_response: {VECTOR}}}
    model_info: {{mode: embedding}}
general_settings: {{master_key: {_KEY}}}
litellm_settings: {{telemetry: false}}
"""


@dataclass(frozen=True, slots=True)
class LiteLLMProxy:
    """Where it listens, and the key that it wants."""

    url: str
    key: str

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Generator[LiteLLMProxy]:
        """Serve on a free port while the body runs; `folder` takes its configuration and what it says."""
        config, log = folder / "proxy.yaml", folder / "proxy.log"
        config.write_text(_CONFIG)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", "litellm.proxy.proxy_server:app", "--loop", "asyncio"]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        told = {"CONFIG_FILE_PATH": str(config), "LITELLM_LOCAL_MODEL_COST_MAP": "true", "NO_PROXY": "*"}
        with log.open("wb") as said:
            process = subprocess.Popen(
                command, stdout=said, stderr=said, env={**os.environ, **told}, cwd=folder
            )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: process.poll() is not None or _answers(url), "the proxy", bound_s=_START_S)
            if process.poll() is not None:
                raise RuntimeError(
                    f"LiteLLM's proxy ended with {process.returncode}: {log.read_text()[-2000:]}"
                )
            yield cls(url, _KEY)
        finally:
            process.terminate()
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_END_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/liveliness", timeout=1.0).status_code == 200
    except httpx.TransportError:
        return False
