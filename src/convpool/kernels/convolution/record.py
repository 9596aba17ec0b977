"""What a convolution's program is told: addresses and numbers of 64 bits, in one array."""

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.jit import Kernel
from convpool.kernels.simd import address
from convpool.request import NO_ACTIVATION
from convpool.spec import Activation

Array = NDArray[Any]


class Record(NamedTuple):
    """The numbers of one call; strides and distances are in bytes.

    A phase's positions are counted along its own grid: see `geometry`.
    """

    images: int = 0
    """Addresses of the first elements."""
    output: int = 0
    scratch: int = 0
    packed: int = 0
    bias: int = 0
    residual: int = 0
    """Distance of the residual from the output; 0 if there is none."""
    direct: int = 0
    """Address of the offsets for a panel that is the image itself; 0 if it can't be."""
    batch: int = 0
    image_stride: int = 0
    """Of the input."""
    channel_stride: int = 0
    row_stride: int = 0
    column_stride: int = 0
    output_image: int = 0
    """Strides of the output."""
    output_filter: int = 0
    output_row: int = 0
    output_column: int = 0
    offsets: int = 0
    """Addresses of tables: where each product's tap lies in the panel."""
    phases: int = 0
    """Six numbers each: first row, rows, first column, columns, taps, first offset."""
    source_rows: int = 0
    """The source row of each padded row, -1 for zeros."""
    source_columns: int = 0
    residues: int = 0
    """Vertical ones, then horizontal ones."""
    number_of_phases: int = 0
    padded_rows: int = 0
    padded_columns: int = 0
    chosen: int = 0
    """Address of the bits and distances of flattened tiles."""
    met: int = 0
    """Address of two numbers for each tile of the plane: where its products are listed, as their
    numbers in a chunk of channels, and how many of a channel there are."""
    met_row: int = 0
    """From row to row of that."""
    groups: int = 0
    joint: int = 0
    """Groups in a unit."""
    channels: int = 0
    """Of a group, as the filters."""
    filters: int = 0
    taps: int = 0
    """Of all phases."""
    filter_row: int = 0
    """Bytes from filter to filter of weights that are read in order."""
    chunk: int = 0
    """Channels summed at a time."""
    rows: int = 0
    """Positions of a phase in a block."""
    columns: int = 0
    row_blocks: int = 0
    column_blocks: int = 0
    filter_blocks: int = 0
    in_place: int = 0
    """Whether an image that can be its own panel is one across pixels too."""
    held: int = 0
    """Blocks of filters in a unit."""
    stride_y: int = 0
    """From position to position of a phase, in the input."""
    stride_x: int = 0
    step_y: int = 0
    """From position to position of a phase, in the output."""
    step_x: int = 0
    lowest_x: int = 0
    width: int = 0
    """Of the input."""
    slots_y: int = 0
    """Residues."""
    slots_x: int = 0
    panel_rows: int = 0
    pitch: int = 0
    """Numbers from row to row of the panel."""
    channel_gap: int = 0
    """Bytes from channel to channel of the panel."""
    slack: int = 0
    """Bytes after the last channel of the panel that may be read."""
    panel_bytes: int = 0
    sums_pitch: int = 0
    """Vectors of filters from row to row of the sums."""
    sums_bytes: int = 0
    """From one block of filters to the next."""
    scratch_bytes: int = 0
    """Of one thread."""
    out_height: int = 0
    out_width: int = 0
    joined: int = 0
    """Whether the rows of a block follow each other in the sums and in the output without a gap."""
    slope: int = 0
    """Of the activation for negative numbers, and its ceiling: the bits of float64."""
    ceiling: int = 0


_SPOILED = len(Record._fields)
SCRATCH_BYTES, SLOPE = map(Record._fields.index, ("scratch_bytes", "slope"))
"""Where a thread's scratch is told, and where the bits of the activation's two numbers lie."""
IMAGES, OUTPUT, SCRATCH, PACKED, BIAS, RESIDUAL, SPOILED = *range(6), _SPOILED
"""Where a call's addresses are told, and how far the residual is from the output."""
BATCH = Record._fields.index("batch")


def _tell(told, record, images, output, scratch, known):  # type: ignore[no-untyped-def]  # compiled
    size, batch = len(record), images.shape[0]
    for place in range(size):
        told[place] = record[place]
    for place in range(size, len(told)):
        told[place] = 0
    told[0], told[1], told[2] = address(images), address(output), address(scratch)
    told[3], told[4], told[5], told[6], spoils = known
    told[7] = batch
    if spoils:
        told[_SPOILED] = address(told) + 8 * size
    for axis in range(4):
        told[8 + axis] = images.strides[axis]
        told[12 + axis] = output.strides[axis]


tell = Kernel(_tell, variant="tell")
"""Copies a record and puts in the numbers of a call: those of its arrays, and `packed` to `direct`.

Then follows a number for each image, 0. If the last of those known says so, a run makes it 1 where
the image must be computed another way, and the number after a `Record` is the address of the first.
In Python, to ask three arrays for their addresses takes as long as a small layer."""


def told_of(
    record: Array,
    images: Array,
    out: Array,
    scratch: Array,
    known: tuple[int, int, int, int, int],
    activation: Activation,
) -> Array:
    """Return the record of a call."""
    told = np.empty(len(record) + len(images), np.int64)
    tell.serial(told, record, images, out, scratch, known)
    if activation is not NO_ACTIVATION:
        bits = struct.pack("dd", activation.slope, activation.ceiling)
        told[SLOPE : SLOPE + 2] = struct.unpack("qq", bits)
    return told
