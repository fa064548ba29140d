"""A worker without DSPy: it speaks the protocol, runs snippets, and breaks its word when told to."""
