"""The gradients by weights as the dispatch wants them."""

from collections.abc import Callable
from math import prod
from operator import attrgetter
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.adjoint import adjoint
from convpool.kernels.convolution.blocking import Machine
from convpool.kernels.convolution.geometry import is_flat, lines, one_to_one
from convpool.kernels.simd import registers
from convpool.kernels.weight_gradient.amx import cuts as amx
from convpool.kernels.weight_gradient.blocking import Problem, lanes_for
from convpool.kernels.weight_gradient.cuts import Cuts
from convpool.kernels.weight_gradient.planes import cuts as planes
from convpool.kernels.weight_gradient.planes.operator import PlaneGradient
from convpool.kernels.weight_gradient.short import cuts as short
from convpool.precisions import STRICT, get_precision
from convpool.request import Request
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec
from convpool.threads import MOST

Array = NDArray[Any]

_WORTH_THREADS = 1 << 17  # products
_MARGIN = 1.04  # what is gained, at least, for another way to be taken
_MOST_CUTS = 16  # numbers of images that are remembered


class WeightGradient:
    """The operator of a convolution's gradient by its weights, on one shape of image."""

    def __init__(self, spec: Conv2dSpec, plane: tuple[int, int], dtype: str) -> None:
        self._spec = spec
        self._dtype = np.dtype(dtype)
        self._number: Any = np.float64 if dtype == "float64" else np.float32
        vertical, horizontal = lines(spec, plane)
        self._is_flat = is_flat(vertical) and is_flat(horizontal)
        if self._is_flat:  # a plane of pixels that don't meet is one long row
            vertical, horizontal = one_to_one(1), one_to_one(plane[0] * plane[1])
        self._machine = Machine(*registers())
        item = np.dtype(self._number).itemsize
        channels, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
        self._by_planes: PlaneGradient | None = None
        axes = vertical, horizontal
        if planes.fits(spec, axes, self._machine.vector // item):
            self._by_planes = PlaneGradient(spec, axes, self._machine, self._number)
        groups, apart = spec.groups, channels == filters == 1 < spec.groups
        if apart:
            channels = filters = lanes_for(groups, self._machine, item)
            groups = -(-groups // filters)
        self._problem = Problem(vertical, horizontal, channels, filters, groups, item, apart)
        self._products = prod(spec.weight_shape) * vertical.output * horizontal.output
        self._cuts: dict[tuple[int, bool], list[Cuts]] = {}

    def __call__(self, images: Array, gradient: Array, *, out: Array | None = None) -> Array:
        """Return the gradient by the weights, (K, C / groups, k_h, k_w)."""
        shape, batch = self._spec.weight_shape, len(images)
        is_own = out is None or not out.flags.c_contiguous or self._dtype != self._number
        result = memory.empty(shape, self._number) if is_own else cast("Array", out)
        if batch:
            self._run(self._readable(images), self._readable(gradient), result)
        else:
            result.fill(0)
        if out is None:
            if self._dtype == self._number:
                return result
            with np.errstate(over="ignore"):  # what is too large for a half is infinite
                return result.astype(self._dtype)
        if result is not out:
            with np.errstate(over="ignore"):
                out[...] = result
        return out

    def _readable(self, images: Array) -> Array:
        images = images.astype(self._number, copy=False)
        height, width = images.shape[2:]
        rows, columns = images.strides[2:]
        if self._is_flat and height > 1 and width > 1 and rows != width * columns:
            return np.ascontiguousarray(images)
        return images

    def _run(self, images: Array, gradient: Array, result: Array) -> None:
        if self._by_planes is not None and self._by_planes.takes(images, gradient):
            self._by_planes(images, gradient, result, threads=self._is_worth_threads(images))
            return
        for cuts in self._ways(len(images)):
            if self._sum(cuts, cuts.readable(images), cuts.readable(gradient), result):
                return

    def _sum(self, cuts: Cuts, images: Array, gradient: Array, result: Array) -> bool:
        known = cuts.known
        scratch = memory.scratch(MOST * known.scratch_bytes)
        sums = memory.scratch(known.parts * known.sums_part)
        arrays = images, gradient, scratch, sums, result
        doubts = np.zeros(2, np.int64)
        record = cuts.told(arrays, doubts, is_column=self._is_flat and images.shape[3] == 1)
        summing, finishing = cuts.programs
        threads = self._is_worth_threads(images)
        summing(record, cuts.units, threads=threads)
        finishing(record, known.groups * known.filter_blocks, threads=threads)
        memory.give_back(scratch)
        memory.give_back(sums)
        return cuts.trusts(doubts, result)

    def _is_worth_threads(self, images: Array) -> bool:
        return len(images) * self._products >= _WORTH_THREADS

    def _ways(self, batch: int) -> list[Cuts]:
        """Return the ways to compute it, the best first; the last one bears everything."""
        is_strict = get_precision() == STRICT
        ways = self._cuts.get((batch, is_strict))
        if ways is None:
            spec, problem = self._spec, self._problem
            numbers = spec.out_channels, spec.in_channels, batch
            common = problem, self._machine, self._number, spec.padding_mode, *numbers
            last = Cuts(*common)
            others: list[Cuts] = []
            if amx.fits(problem):
                others.append(amx.AmxCuts(*common))
            if short.fits(problem) and not is_strict:
                others.append(short.ShortCuts(*common))
            ways = [way for way in others if _MARGIN * way.cycles < last.cycles]
            ways = [*sorted(ways, key=attrgetter("cycles")), last]
            if len(self._cuts) >= _MOST_CUTS:
                self._cuts.clear()
            self._cuts[batch, is_strict] = ways
        return ways


def prepare(request: Request) -> Callable[..., Array]:
    """Return the function of input and gradient that returns the gradient by the weights."""
    spec = cast("Conv2dSpec | ConvTranspose2dSpec", request.spec)
    _, height, width = request.image_shape
    if isinstance(spec, Conv2dSpec):
        return WeightGradient(spec, (height, width), request.dtype)
    # In the adjoint, a convolution, input and gradient change places.
    other = adjoint(spec, (height, width))
    rows, columns = other.plane
    back = WeightGradient(cast("Conv2dSpec", other.spec), other.plane, request.dtype)

    def run(input: Array, gradient: Array, *, out: Array | None = None) -> Array:
        return back(gradient[:, :, :rows, :columns], input, out=out)

    return run
