"""Recording: what has happened on its way into the store, without its secrets, and how long it stays there."""

from __future__ import annotations

from dspash.resources.recording.recorder import Recordable, Recorder
from dspash.resources.recording.redaction import Redaction, secrets_in
from dspash.resources.recording.retention import Retention, prune

__all__ = ["Recordable", "Recorder", "Redaction", "Retention", "prune", "secrets_in"]
