"""The worker process: hosts DSPy and speaks the bridge protocol on its pipes."""
