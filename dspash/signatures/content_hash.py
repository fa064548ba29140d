"""ContentHash: what a signature asks, as one short text to compare and to look up by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from dspash_protocol.signature import SignatureSpec, signature_map

__all__ = ["content_hash_of"]


def content_hash_of(spec: SignatureSpec) -> str:
    """Return the SHA-256 of what `spec` asks, in hexadecimal: the same in every process.

    Its name is for people and not part of that. An output without a type is text, as one that says so.
    """
    outputs = tuple(replace(field, stated=True) for field in spec.outputs)
    content = signature_map(SignatureSpec(spec.inputs, outputs, spec.instructions))
    written = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()
