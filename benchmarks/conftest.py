"""Modules that pytest doesn't look into for doctests: what they import may be missing."""

collect_ignore = [
    *("peers", "picture.py"),
    *("contest.py", "inference.py", "network_tables.py", "networks", "training.py"),
]
