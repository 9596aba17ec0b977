"""What the program is told beside a convolution's record, after which it lies; all in bytes."""

from typing import NamedTuple


class Pieces(NamedTuple):
    """Tables, and where the parts of a thread's scratch lie, from `pieces` on."""

    spoiled: int = 0
    """Address of a number for each image: 1 where something in its output isn't finite."""
    shapes: int = 0
    """Addresses of the registers' shapes, for a whole block of filters and then for the last."""
    sources: int = 0
    """Of a table: where in the panel each row of products lies; 0 if they are the channels."""
    steps: int = 0
    """Of a table: where in the pieces each step of 32 products lies."""
    number_of_steps: int = 0
    segment: int = 0
    """Steps that are summed in one go."""
    phases: int = 0
    """Of a table, for each phase: its first step, how many there are, and in one go."""
    row_phases: int = 0
    """Of a table, for each row of phases: whether it has products, bits for those lanes of its
    phases in turn that have, and where in the sums each phase's lie."""
    number_of_row_phases: int = 0
    filter_row: int = 0
    """From filter to filter of the sums of a phase."""
    sums_pitch: int = 0
    """Numbers from row to row of these."""
    no_products: int = 0
    """Where in the sums zeros lie, for phases without products, up to their end."""
    sums_end: int = 0
    tiles: int = 0
    """Of a table, for each 16 positions: where they lie in a row of pieces, their first output's
    row and column, and bits for those positions that are outputs."""
    number_of_tiles: int = 0
    flattened: int = 0
    """Whether tiles run on from row to row of the panel."""
    rows: int = 0
    """Rows of products in all, a multiple of 32."""
    pieces: int = 0
    pair_row: int = 0
    """From pair to pair of rows, of one piece."""
    width: int = 0
    """Numbers in a row of products."""
    made: int = 0
    """Sums of a segment, of 32 filters and 32 positions."""
    sums: int = 0
    """Sums of all segments so far, likewise for each 32 positions."""
    chosen: int = 0
    """Bits of the positions that are stored."""
    has_tiny: int = 0
    """Two numbers, for blocks of filters in turn: 1 if any pixel of the block of positions, or any
    weight of those filters, is tiny."""
    filters: int = 0
    """A segment's weights, split, if they weren't packed before."""
    weights: int = 0
    """Address of the `Weights` by which they are split, if they weren't; else 0."""
    head: int = 0
    """Bytes before the pieces of packed weights."""
    scales: int = 0
    """Of positions, where digits are multiplied."""
