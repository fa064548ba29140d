"""The zygote: a process that has imported DSPy, holds one thread and no secret, and forks ready workers on request."""

from __future__ import annotations

__all__: list[str] = []
