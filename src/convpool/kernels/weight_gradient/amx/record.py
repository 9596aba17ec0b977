"""What the program is told beside a gradient's record, after which it lies; all in bytes."""

from typing import NamedTuple


class Operands(NamedTuple):
    """Where operands lie in a thread's scratch, and how; a convolution's record for panels follows.

    Positions of a block are counted along rows of `pitch` and images of `of_image` positions.
    """

    doubts: int = 0
    """Address of two numbers: 1 if a number is tiny, 1 if a sum isn't finite."""
    shapes: int = 0
    """Addresses of tables: the registers' shapes, and where each tap lies in a row of pixels."""
    offsets: int = 0
    taps: int = 0
    height: int = 0
    """Of the images; 1 if their planes are one row."""
    lowest_y: int = 0
    """Source row of the first padded one."""
    run: int = 0
    """Pixels of a whole row, from the first column on; 0 if those of a block."""
    pitch: int = 0
    of_image: int = 0
    of_slot: int = 0
    """Positions from residue to residue of the stride."""
    left: int = 0
    """Where a row's first pixel lies in its positions."""
    pixels: int = 0
    """Pieces of pixels: a row for each channel, then those of the next piece."""
    pixel_row: int = 0
    pixel_piece: int = 0
    straight: int = 0
    """16 filters' gradients as they are, a row for each."""
    straight_row: int = 0
    turned: int = 0
    """Pairs of gradients: for each 32 filters, `steps` times 3 pieces of 16, and of 16 more."""
    steps: int = 0
    made: int = 0
    """Sums of a block of positions."""
    panel: int = 0
