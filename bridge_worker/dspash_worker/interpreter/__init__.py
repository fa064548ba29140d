"""The interpreter worker: runs code that a model writes, cell by cell, and never anything else."""
