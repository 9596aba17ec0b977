"""How fast layers are on this machine: verified, timed in turns, beside the machine's limits.

`convpool bench` and the repository's own benchmarks are made of these parts.
"""
