"""What the programs are told: addresses and numbers of 64 bits, in one array."""

from typing import NamedTuple

from convpool.kernels.jit import Kernel
from convpool.kernels.simd import address


class Record(NamedTuple):
    """The numbers of one call; strides and distances are in bytes.

    The first ones are those of a call's arrays, in this order: see `told`.
    """

    images: int = 0
    """Addresses of the first elements."""
    gradient: int = 0
    scratch: int = 0
    sums: int = 0
    result: int = 0
    image_stride: int = 0
    """Of the images."""
    channel_stride: int = 0
    row_stride: int = 0
    column_stride: int = 0
    gradient_image: int = 0
    """Strides of the gradient."""
    gradient_filter: int = 0
    gradient_row: int = 0
    gradient_column: int = 0
    positions: int = 0
    """Addresses of tables: where each of a block's pixels begins in the panel."""
    strips: int = 0
    """Where each strip of numbers begins at a pixel."""
    source_rows: int = 0
    """The source row of each padded row, -1 for zeros."""
    source_columns: int = 0
    residues: int = 0
    """Vertical ones, then horizontal ones."""
    places: int = 0
    """Where the sums of each of a filter's weights lie."""
    batch: int = 0
    groups: int = 0
    channels: int = 0
    """Of a group, as the filters."""
    filters: int = 0
    all_channels: int = 0
    """Of all groups; the last group may have fewer than the others."""
    all_filters: int = 0
    weights: int = 0
    """Of a filter."""
    chunk: int = 0
    """Channels in a panel."""
    chunks: int = 0
    held_chunks: int = 0
    """In a unit."""
    filter_blocks: int = 0
    held_blocks: int = 0
    """In a unit."""
    number_of_strips: int = 0
    tiles: int = 0
    """Of a strip."""
    block_images: int = 0
    """Images of a block, and rows and columns of the output."""
    block_rows: int = 0
    block_columns: int = 0
    out_height: int = 0
    out_width: int = 0
    image_blocks: int = 0
    row_blocks: int = 0
    column_blocks: int = 0
    parts: int = 0
    """Shares of the blocks, each with sums of its own."""
    stride_y: int = 0
    stride_x: int = 0
    extent_y: int = 0
    extent_x: int = 0
    slots_y: int = 0
    """Residues."""
    slots_x: int = 0
    padded_rows: int = 0
    padded_columns: int = 0
    lowest_x: int = 0
    width: int = 0
    """Of the images."""
    repeats: int = 0
    """Whether padding repeats pixels."""
    panel_columns: int = 0
    panel_image: int = 0
    """From image to image of the panel."""
    panel_bytes: int = 0
    block_bytes: int = 0
    """From one block of filters to the next, of the gradient in scratch memory."""
    scratch_bytes: int = 0
    """Of one thread."""
    sums_chunk: int = 0
    """From chunk to chunk of the sums, from one block of filters and from one part to the next."""
    sums_block: int = 0
    sums_part: int = 0


def _tell(told, images, gradient, scratch, sums, result, is_column):  # type: ignore[no-untyped-def]  # compiled
    told[0], told[1] = address(images), address(gradient)
    told[2], told[3], told[4] = address(scratch), address(sums), address(result)
    for axis in range(4):
        told[5 + axis], told[9 + axis] = images.strides[axis], gradient.strides[axis]
    if is_column:
        told[8], told[12] = told[7], told[11]


tell = Kernel(_tell, variant="tell-weight-gradient")
"""Writes the addresses and strides of a call's arrays into a record (4 us less than in Python);
where planes that are read as one long row are a column, its steps are those of rows."""
