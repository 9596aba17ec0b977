"""A layer on some images of one shape, cut: tables and record."""

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels.convolution.blocking import Machine, up
from convpool.kernels.convolution.cuts import sources
from convpool.kernels.jit import Program
from convpool.kernels.weight_gradient.blocking import Blocking, Problem, block
from convpool.kernels.weight_gradient.program import finish_program, sum_program
from convpool.kernels.weight_gradient.record import Record, tell

Array = NDArray[Any]

_LINE = 64


@dataclass(frozen=True)
class Cuts:
    """How the work is cut, with all numbers that don't change from call to call."""

    problem: Problem
    machine: Machine
    number: Any
    mode: str
    """How padding is filled."""
    filters: int
    """Of all groups."""
    channels: int
    batch: int

    @cached_property
    def blocking(self) -> Blocking:
        """The blocks and tiles."""
        return block(self.problem, self.machine, self.batch)

    @property
    def cycles(self) -> float:
        """About how many cycles it takes: fitted to 40 layers, right to 15 % for most of them."""
        problem = self.problem
        strides = problem.vertical.stride * problem.horizontal.stride
        positions = self.batch * problem.vertical.output * problem.horizontal.output
        filters, channels = up(problem.filters, 16), problem.channels
        cycles = filters * channels * prod(problem.kernel) / 23 + 0.85 * (filters + channels)
        if strides > 1:
            cycles += 1.5 * strides * channels
        return cycles * positions * problem.groups

    @property
    def are_neighbours(self) -> bool:
        """Whether taps of a row lie side by side in the sums."""
        return self.problem.are_neighbours

    @property
    def weights(self) -> int:
        """Weights of a filter."""
        down, across = self.problem.kernel
        return down * across * (1 if self.problem.apart else self.problem.channels)

    @cached_property
    def tables(self) -> dict[str, Array]:
        """The tables to which the record points."""
        problem, way = self.problem, self.blocking
        vertical, horizontal = problem.vertical, problem.horizontal
        pixel = way.chunk * problem.itemsize
        line = self.panel_columns * pixel
        images = np.arange(way.images) * self.panel_image
        row_residues, column_residues = problem.residues
        rows = np.arange(way.rows) * len(row_residues) * line
        columns = np.arange(way.columns) * len(column_residues) * pixel
        down, across = (np.array(places) for places in problem.places)
        down, across = down * line, across * pixel
        first = across[:1] if problem.are_neighbours else across
        return {
            "positions": _outer(images, rows, columns),
            "strips": _outer(down, first),
            "source_rows": sources(vertical, self.mode),
            "source_columns": sources(horizontal, self.mode),
            "residues": np.array(row_residues + column_residues, np.int64),
            "places": self._places(),
        }

    def _places(self) -> Array:
        """Return where the sums of a filter's weights lie, channel by channel, tap by tap.

        Some numbers follow, for where squares reach beyond the last one.
        """
        problem, way = self.problem, self.blocking
        down, across = problem.kernel
        strip = way.tiles * way.count
        width = 1 if problem.apart else way.chunk
        channels = np.arange(self.weights // (down * across))
        chunks, inside = np.divmod(channels, width)
        if self.are_neighbours:
            taps = _outer(np.arange(down) * strip, np.arange(across) * width)
        else:
            taps = np.arange(down * across) * strip
        entries = _outer(chunks * way.entries + inside, taps)
        register = self.machine.vector // problem.itemsize
        padded = np.zeros(len(entries) + register, np.int64)
        padded[: len(entries)] = entries * way.lanes * problem.itemsize
        return padded

    @property
    def panel_columns(self) -> int:
        """Pixels from row to row of the panel."""
        columns = self.blocking.columns + self.problem.horizontal.extent
        return int(columns * len(self.problem.residues[1]))

    @property
    def panel_image(self) -> int:
        """Bytes from image to image of the panel."""
        rows = self.blocking.rows + self.problem.vertical.extent
        rows *= len(self.problem.residues[0])
        return int(rows * self.panel_columns * self.blocking.chunk * self.problem.itemsize)

    @cached_property
    def record(self) -> Array:
        """The numbers of the record that are known before a call; the others are 0."""
        problem, way, tables = self.problem, self.blocking, self.tables
        vertical, horizontal = problem.vertical, problem.horizontal
        width = way.lanes * problem.itemsize
        # The last tile of a strip reads beyond it by less than a tile.
        slack = way.count * width + self.machine.vector
        panel_bytes = up(way.images * self.panel_image + slack, _LINE)
        # Not a power of two, which would crowd a few sets of the cache.
        block_bytes = way.images * way.rows * way.columns * width + _LINE
        filter_blocks = -(-problem.filters // way.lanes)
        chunks = 1 if problem.apart else -(-problem.channels // way.chunk)
        sums_chunk = way.entries * width
        sums_block = chunks * sums_chunk + _LINE
        known = Record(
            **{name: table.ctypes.data for name, table in tables.items()},
            batch=self.batch,
            groups=problem.groups,
            channels=problem.channels,
            filters=problem.filters,
            all_channels=self.channels,
            all_filters=self.filters,
            weights=self.weights,
            chunk=way.chunk,
            chunks=chunks,
            held_chunks=way.held_chunks,
            filter_blocks=filter_blocks,
            held_blocks=way.held_blocks,
            number_of_strips=way.strips,
            tiles=way.tiles,
            block_images=way.images,
            block_rows=way.rows,
            block_columns=way.columns,
            out_height=vertical.output,
            out_width=horizontal.output,
            image_blocks=-(-self.batch // way.images),
            row_blocks=-(-vertical.output // way.rows),
            column_blocks=-(-horizontal.output // way.columns),
            parts=way.parts,
            stride_y=vertical.stride,
            stride_x=horizontal.stride,
            extent_y=vertical.extent,
            extent_x=horizontal.extent,
            slots_y=len(problem.residues[0]),
            slots_x=len(problem.residues[1]),
            padded_rows=len(tables["source_rows"]),
            padded_columns=len(tables["source_columns"]),
            lowest_x=horizontal.lowest,
            width=horizontal.size,
            repeats=int(self.mode != "zeros"),
            panel_columns=self.panel_columns,
            panel_image=self.panel_image,
            panel_bytes=panel_bytes,
            block_bytes=block_bytes,
            scratch_bytes=panel_bytes + way.held_blocks * block_bytes,
            sums_chunk=sums_chunk,
            sums_block=sums_block,
            sums_part=problem.groups * filter_blocks * sums_block,
        )
        return np.array(known, np.int64)

    def readable(self, images: Array) -> Array:
        """Return images, or a gradient, as the program reads them."""
        return images

    def told(
        self,
        arrays: tuple[Array, ...],
        doubts: Array,  # noqa: ARG002 (others have some)
        *,
        is_column: bool,
    ) -> Array:
        """Return the record of a call: see `record.tell`.

        What puts its result in doubt is counted in `doubts`.
        """
        record = self.record.copy()
        tell.serial(record, *arrays, is_column)
        return record

    def trusts(self, doubts: Array, result: Array) -> bool:  # noqa: ARG002
        """Tell whether a result is as it should be."""
        return True

    @cached_property
    def known(self) -> Record:
        """The record, by name."""
        return Record(*self.record.tolist())

    @cached_property
    def units(self) -> int:
        """Pieces of work of the sums."""
        known = self.known
        held = -(-known.filter_blocks // known.held_blocks) * -(-known.chunks // known.held_chunks)
        return known.parts * known.groups * held

    @cached_property
    def programs(self) -> tuple[Program, Program]:
        """The programs: that of the sums, and that which finishes."""
        way = self.blocking
        register = self.machine.vector // self.problem.itemsize
        return (
            sum_program(self.number, way.lanes, way.count, int(self.problem.apart), register),
            finish_program(self.number, way.lanes, register),
        )


def _outer(*numbers: Array) -> Array:
    """Return all sums of one of each, the last one's fastest, as int64."""
    total = np.zeros(1, np.int64)
    for each in numbers:
        total = np.add.outer(total, each).reshape(-1)
    return total.astype(np.int64)
