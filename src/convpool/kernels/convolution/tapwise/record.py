"""What the program is told beside a convolution's record, after which it lies; all in bytes."""

from typing import NamedTuple


class Taps(NamedTuple):
    """Tables, and where the parts of a thread's scratch lie."""

    phases: int = 0
    """Of a table, for each phase: first tap, taps, columns."""
    taps: int = 0
    """Of a table, for each tap, phase by phase: its number among a filter's, and how far its pixel
    is below an output position and to its right."""
    taps_of_filter: int = 0
    row_phases: int = 0
    height: int = 0
    """Of the input."""
    lowest: int = 0
    """Least distance of a tap's pixel below, and the reach from there to the farthest."""
    extent: int = 0
    plane: int = 0
    """From the products of one tap to the next."""
    line: int = 0
    """From phase to phase of a row of outputs in the making."""
    turns: int = 0
    """Of a table: where each of these lies."""
    products: int = 0
    lines: int = 0
