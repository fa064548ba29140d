"""Measures the bridge beside other ways to run Python in another process, and under a storm of faults.

One *contestant* is one system, driven through one port. Each lives in a host process of its own, so that no system's
threads run beside another's; a coordinator lets them act in turn, round by round, so that all see the same machine.
"""
