"""The bridge protocol, without I/O."""
