"""What the programs are told beside a gradient's record, after which it lies; all in bytes."""

from typing import NamedTuple


class Tiles(NamedTuple):
    """Where the parts of a thread's scratch lie, after the panel; a plane is one of 36 points."""

    doubts: int = 0
    """Address of two numbers, of which the second is made 1 if a result isn't finite."""
    columns: int = 0
    """Tiles of a row."""
    straight: int = 0
    """Gradients of 32 filters of an image's block, pixel by pixel."""
    halfway: int = 0
    """Numbers that are transformed down the columns."""
    values: int = 0
    """Pixels of a chunk of channels at the points, tile by tile."""
    value_tile: int = 0
    value_plane: int = 0
    slopes: int = 0
    """Gradients at the points: of each 32 filters, tile by tile."""
    slope_plane: int = 0
    slope_block: int = 0
    sums_plane: int = 0
    """From point to point of the sums."""
