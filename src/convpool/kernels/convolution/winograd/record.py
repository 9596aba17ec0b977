"""What the program is told beside a convolution's record, after which it lies; all in bytes."""

from typing import NamedTuple


class Tiles(NamedTuple):
    """Where the parts of a thread's scratch lie, from `turned` on, and their strides."""

    spoiled: int = 0
    """Address of a number for each image: 1 where something in its output isn't finite."""
    turned: int = 0
    """Pixels, channels side by side."""
    halfway: int = 0
    """Of a row of tiles, transformed down the columns alone."""
    halfway_row: int = 0
    values: int = 0
    """Transformed pixels: plane by plane, tile by tile, channels side by side."""
    values_plane: int = 0
    values_tile: int = 0
    sums: int = 0
    """Plane by plane, tile by tile, filters of a block side by side."""
    sums_plane: int = 0
    outputs: int = 0
    """Pixels, filters of a vector side by side."""
    outputs_row: int = 0
    joined: int = 0
    """Whether rows follow each other without a gap, in the outputs as in the output."""
    weights_plane: int = 0
    weights_block: int = 0
    """Of the transformed weights: from block to block of filters."""
