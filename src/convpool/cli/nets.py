"""What a net is given as: layers, or FILE.py:NAME."""

import re
from collections.abc import Sequence

from convpool.errors import ArgumentError


def net_file(net: Sequence[str]) -> str:
    """Return the FILE.py:NAME that is given in place of layers, or no text.

    Raises:
        ArgumentError: there is more beside it.

    Example:
        >>> net_file(["net.py:Net"]), net_file(["MaxPool2d(2)"])
        ('net.py:Net', '')
    """
    files = [text for text in net if re.search(r"\.py(:[^/()]*)?$", text)]
    if files and len(net) > 1:
        raise ArgumentError("LAYER", " ".join(net), f"layers, or {files[0]} alone")
    return files[0] if files else ""
