"""What the program is told beside a convolution's record, after which it lies; all in bytes."""

from typing import NamedTuple

HEAD = 64
"""Bytes before the weights: a number, 1 if a weight is tiny."""


class Tiles(NamedTuple):
    """Where the parts of a thread's scratch lie, from `turned` on, and their strides."""

    spoiled: int = 0
    """Address of a number for each image: 1 where its output isn't finite, or can't be trusted."""
    turned: int = 0
    """Pixels, channels side by side."""
    halfway: int = 0
    """Of a row of tiles, transformed down the columns alone."""
    halfway_row: int = 0
    values: int = 0
    """Transformed pixels: plane by plane, tile by tile, channels side by side; for AMX, pieces of a
    step's channels, step by step."""
    values_plane: int = 0
    values_tile: int = 0
    values_step: int = 0
    sums: int = 0
    """Plane by plane, tile by tile, filters of a block side by side."""
    sums_plane: int = 0
    sums_block: int = 0
    """From block to block of filters."""
    together: int = 0
    """Blocks of filters whose sums are held at a time."""
    outputs: int = 0
    """Pixels, filters of a vector side by side."""
    outputs_row: int = 0
    joined: int = 0
    """Whether rows follow each other without a gap, in the outputs as in the output."""
    weights_plane: int = 0
    weights_block: int = 0
    """Of the transformed weights: from block to block of filters."""
    pieces: int = 0
    """Of the weights of a plane and a block of filters, and of the next ones."""
    pieces_size: int = 0
    shapes: int = 0
    """Address of the shapes of AMX's registers."""
    rows: int = 0
    """Tiles in one of them."""
    images: int = 0
    """Of a unit, at most; a dilated layer's are parted into those of every `turns`-th row."""
    turns: int = 1
    turn_rows: int = 0
    """From one turn's first source row to the next one's, in the table."""
    step: int = 1
    """From one to the next of the pixels, and of the outputs, that a row of a tile has."""
    has_tiny: int = 0
    """A number for each image: 1 if any of its pixels in the block, or any weight, is tiny."""
