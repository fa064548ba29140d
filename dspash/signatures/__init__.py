"""Signatures in the host: written as classes or as text, compared by content, and read from DSPy's own."""

from __future__ import annotations

from dspash.signatures.content_hash import content_hash_of
from dspash.signatures.declaration import Input, Output
from dspash.signatures.inputs import require_inputs
from dspash.signatures.reading import SignatureLike, signature_of, spec_of
from dspash.signatures.refusal import invalid_signature
from dspash.signatures.signature import Signature, SignatureType

__all__ = [
    "Input",
    "Output",
    "Signature",
    "SignatureLike",
    "SignatureType",
    "content_hash_of",
    "invalid_signature",
    "require_inputs",
    "signature_of",
    "spec_of",
]
