"""Runs DSPy programs in supervised worker processes."""
