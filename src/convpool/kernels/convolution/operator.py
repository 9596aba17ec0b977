"""The operator: plans once for a shape of image, packs weights, runs."""

from functools import cached_property
from math import prod
from typing import Any, cast

import numba
import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import source_index
from convpool.kernels import memory
from convpool.kernels.convolution import filters as packing
from convpool.kernels.convolution import forward
from convpool.kernels.convolution.blocking import Blocking, Machine, Problem, block
from convpool.kernels.convolution.geometry import Line, Phase, lines
from convpool.kernels.convolution.panel import BY_EVERY_SECOND, BY_NUMBER, BY_VECTOR
from convpool.kernels.simd import registers
from convpool.request import Request
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec

Array = NDArray[Any]
_WORTH_THREADS = 1 << 17


class Convolution:
    def __init__(self, request: Request) -> None:
        spec = cast("Conv2dSpec | ConvTranspose2dSpec", request.spec)
        self.spec, self.dtype = spec, np.dtype(request.dtype)
        self.machine = Machine(*registers())
        _, height, width = request.image_shape
        vertical, horizontal = lines(spec, (height, width))
        self.output_plane = vertical.output, horizontal.output
        self.is_flat = _is_flat(vertical) and _is_flat(horizontal)
        if self.is_flat:
            size = height * width
            vertical = Line(1, 1, 1, 1, (Phase(0, 1, ((0, 0),)),))
            horizontal = Line(size, size, 1, 1, (Phase(0, size, ((0, 0),)),))
        self.vertical, self.horizontal = vertical, horizontal
        self.problem = Problem(vertical, horizontal, spec.in_channels // spec.groups, spec.out_channels // spec.groups, self.dtype.itemsize)
        self.blocking = block(self.problem, self.machine)
        self.prepare_tables()

    @property
    def packing(self):
        b = self.blocking
        return (b.across_filters, b.filters, b.channels)

    def prepare_tables(self):
        way, vertical, horizontal, item = self.blocking, self.vertical, self.horizontal, self.dtype.itemsize
        mode = getattr(self.spec, "padding_mode", "zeros")
        register = self.machine.vector // item
        pitch = way.columns + horizontal.extent
        panel_rows = way.rows + vertical.extent
        slots_y, slots_x = len(vertical.residues), len(horizontal.residues)
        gap = slots_y * slots_x * panel_rows * pitch * item
        gap = -(-gap // 64) * 64 + (64 if gap % 1024 == 0 else 0)
        slack = 8 * 64 + (way.lanes + way.count) * item
        panel_bytes = -(-(way.channels * gap + slack) // 64) * 64
        sums_pitch = sums_bytes = 0
        if way.across_filters:
            sums_pitch = -(-way.columns // way.count) * way.count * horizontal.step
            sums_bytes = way.rows * vertical.step * sums_pitch * way.lanes * item + register*way.lanes*item
        filter_blocks = -(-self.problem.filters // way.filters)
        offsets, phases, taps_order, bounds = [], [], [], []
        kernel_width = self.spec.kernel_size[1]
        for py in vertical.phases:
            for px in horizontal.phases:
                start = len(offsets)
                taps = []
                b0 = len(taps_order)
                for ty, shift_y in py.taps:
                    for tx, shift_x in px.taps:
                        ry, qy = vertical.place(shift_y)
                        rx, qx = horizontal.place(shift_x)
                        grid = vertical.residues.index(ry) * slots_x + horizontal.residues.index(rx)
                        taps.append(((grid * panel_rows + qy) * pitch + qx) * item)
                        taps_order.append(ty * kernel_width + tx)
                offsets += [c * gap + tap for c in range(way.channels) for tap in taps]
                phases.append((py.first, py.count, px.first, px.count, len(taps), start))
                bounds.append((b0, len(taps_order)))
        self.offsets = np.array(offsets or [0], np.int64)
        self.phases = np.array(phases, np.int64)
        self.bounds = np.array(bounds, np.int64)
        self.taps = np.array(taps_order, np.int64)
        self.maps = (_map(vertical, mode), _map(horizontal, mode), np.array(vertical.residues + horizontal.residues, np.int64))
        joined = sums_pitch == horizontal.output and way.columns == horizontal.longest
        self.plan = forward.Plan(
            groups=self.spec.groups, channels=self.problem.channels, filters=self.problem.filters,
            chunk=way.channels, rows=way.rows, columns=way.columns,
            row_blocks=-(-vertical.longest // way.rows), column_blocks=-(-horizontal.longest // way.columns),
            filter_blocks=filter_blocks, held=way.filter_blocks, taps=len(taps_order),
            stride_y=vertical.stride, stride_x=horizontal.stride, step_y=vertical.step, step_x=horizontal.step,
            lowest_x=horizontal.lowest, width=horizontal.size, repeats=int(mode != "zeros"),
            slots_y=slots_y, slots_x=slots_x, panel_rows=panel_rows, pitch=pitch, channel_gap=gap, panel_bytes=panel_bytes,
            sums_pitch=sums_pitch, sums_bytes=sums_bytes, scratch=panel_bytes + way.filter_blocks * sums_bytes + 64*register*item,
            out_height=vertical.output, out_width=horizontal.output, joined=int(joined))
        self.macs = self.problem.filters * self.spec.groups * vertical.output * horizontal.output * self.plan.taps * self.plan.channels

    def pack(self, weight, bias):
        spec, way, item = self.spec, self.blocking, self.dtype.itemsize
        groups, filters, channels = spec.groups, self.problem.filters, self.problem.channels
        weight = np.ascontiguousarray(weight, self.dtype)
        taps = prod(spec.kernel_size)
        steps = (filters * channels * taps, channels * taps, taps) if isinstance(spec, Conv2dSpec) else (filters * channels * taps, taps, filters * taps)
        blocks = -(-filters // way.filters)
        packed = np.empty(groups * blocks * self.plan.taps * channels * way.filters + 64, self.dtype)
        register = self.machine.vector // item
        packing.kernel(self.dtype.type, register)(weight, packed, self.taps, self.bounds, (groups, filters, channels, way.channels, way.filters), steps, threads=weight.size > _WORTH_THREADS)
        biases = np.zeros(spec.out_channels + 64, self.dtype)
        if bias is not None:
            biases[: spec.out_channels] = bias
        return packed, biases

    def run(self, input, packed, *, out=None, residual=None, activation=None):
        item = self.dtype.itemsize
        batch, channels, height, width = input.shape
        last = memory.is_channels_last(input)
        if last:
            images = input.transpose(0, 2, 3, 1)
            strides = (channels * height * width * item, item, width * channels * item, channels * item)
            how = BY_NUMBER
        else:
            images = input if input.flags.c_contiguous else np.ascontiguousarray(input)
            strides = (channels * height * width * item, height * width * item, width * item, item)
            how = {1: BY_VECTOR, 2: BY_EVERY_SECOND}.get(self.horizontal.stride, BY_NUMBER)
        filters, (rows, columns) = self.spec.out_channels, self.output_plane
        if out is None:
            out = memory.empty((batch, filters, rows, columns), self.dtype, channels_last=last)
        if last:
            output = out.transpose(0, 2, 3, 1)
            steps = (filters * rows * columns * item, item, columns * filters * item, filters * item)
        else:
            output = out
            steps = (filters * rows * columns * item, rows * columns * item, columns * item, item)
        way = self.blocking
        threads = batch * self.macs >= _WORTH_THREADS
        scratch = (np.ones if __import__("os").environ.get("DO","ftx")!="ftx" else np.empty)((numba.get_num_threads() if threads else 1) * self.plan.scratch, np.uint8)
        weights, bias = packed
        res = output if residual is None else residual
        one = self.dtype.type(1)
        kernel = forward.kernel(self.dtype.type, int(way.across_filters), (way.lanes, way.count), how, int(not last), self.machine.vector // item)
        kernel(images, weights, bias, output, res, scratch, self.offsets, self.phases, self.maps, batch, strides, steps, (one, self.dtype.type(np.inf)), self.plan, threads=threads)
        return out

    def __call__(self, input, weight, bias=None, *, out=None):
        return self.run(input, self.pack(weight, bias), out=out)


def _is_flat(line: Line) -> bool:
    return line.stride == 1 and line.step == 1 and line.phases[0].taps == ((0, 0),) and line.size == line.output


def _map(line: Line, mode: str) -> Array:
    span = (line.longest - 1) * line.stride + max([s - line.lowest for p in line.phases for _, s in p.taps], default=0) + 1
    positions = np.arange(line.lowest, line.lowest + span)
    outside = (positions < 0) | (positions >= line.size)
    table = np.where(outside, -1, positions)
    if mode != "zeros":
        for place in np.flatnonzero(outside):
            table[place] = source_index(int(positions[place]), line.size, mode)
    return table.astype(np.int64)


def prepare(request: Request) -> Convolution:
    return Convolution(request)
