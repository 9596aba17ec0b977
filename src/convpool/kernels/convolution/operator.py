"""Convolution and transposed convolution as the dispatch wants them: packed once, run often."""

from collections.abc import Hashable
from dataclasses import replace
from functools import cached_property
from math import inf, prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.convolution.amx import choice as amx
from convpool.kernels.convolution.amx import cuts as matrices
from convpool.kernels.convolution.blocking import Machine, Problem
from convpool.kernels.convolution.cuts import Cuts
from convpool.kernels.convolution.depthwise.choice import DepthwiseCuts, choose
from convpool.kernels.convolution.digits import cuts as digits
from convpool.kernels.convolution.geometry import is_flat, lines, one_to_one
from convpool.kernels.convolution.packed import Ordered, Packed
from convpool.kernels.convolution.panel import (
    BY_EVERY_FOURTH,
    BY_EVERY_SECOND,
    BY_FOUR,
    BY_NUMBER,
    BY_SQUARE,
    BY_TWO,
    BY_VECTOR,
)
from convpool.kernels.convolution.record import SCRATCH_BYTES, told_of
from convpool.kernels.convolution.repeated import Repeated, repeated
from convpool.kernels.convolution.sequence import Step
from convpool.kernels.convolution.small import SmallConvolution, takes
from convpool.kernels.convolution.tapwise import cuts as tapwise
from convpool.kernels.convolution.winograd import cuts as winograd
from convpool.kernels.convolution.winograd.fresh import FreshWeights
from convpool.kernels.simd import registers
from convpool.precisions import STRICT, get_precision
from convpool.request import NO_ACTIVATION, ConvolutionOperator, Request
from convpool.spec import Activation, Conv2dSpec, ConvTranspose2dSpec
from convpool.threads import MOST, get_num_threads

Array = NDArray[Any]

_WORTH_THREADS = 1 << 17  # products
_MOST_CALLS = 64  # that are kept for weights
_NUMBERS: dict[str, type[np.number[Any]]] = {
    "float16": np.float32,
    "float32": np.float32,
    "float64": np.float64,
}


class Convolution:
    """The operator of a layer on one shape of image."""

    def __init__(self, request: Request) -> None:
        spec = cast("Conv2dSpec | ConvTranspose2dSpec", request.spec)
        _, height, width = request.image_shape
        self._spec = spec
        self._request = request
        self._dtype = np.dtype(request.dtype)
        self._number = _NUMBERS[request.dtype]
        vertical, horizontal = lines(spec, (height, width))
        self._plane = vertical.output, horizontal.output
        self._is_flat = is_flat(vertical) and is_flat(horizontal)
        if self._is_flat:  # a plane of pixels that don't meet is one long row
            vertical, horizontal = one_to_one(1), one_to_one(height * width)
        channels, filters = spec.in_channels // spec.groups, spec.out_channels // spec.groups
        problem = Problem(vertical, horizontal, channels, filters, np.dtype(self._number).itemsize)
        common = spec, problem, Machine(*registers()), self._number
        self._cuts = {planar: Cuts(*common, planar) for planar in (True, False)}
        self._depthwise = choose(self._cuts[True])
        self._tiled: dict[bool, matrices.AmxCuts] = {}
        self._packs_tiled = False
        if amx.fits(problem):
            tiled = {planar: amx.best(cuts) for planar, cuts in self._cuts.items()}
            if tiled[True].pays(packs=False):
                self._tiled, self._packs_tiled = tiled, tiled[True].pays(packs=True)
        self._digits: dict[bool, digits.DigitCuts] = {}
        if amx.fits(problem):
            self._choose_digits(amx.best(self._cuts[True]))
        self._tapwise = None
        if self._depthwise is None:
            self._tapwise = tapwise.best(self._cuts[True], self._tiled.get(True))
        self._turns = self._depthwise.turns if self._depthwise else self._tapwise is not None
        self._short: dict[bool, winograd.WinogradCuts] = {}
        self._packs_short = False
        if winograd.fits(problem):
            short = {planar: winograd.best(cuts) for planar, cuts in self._cuts.items()}
            if self._is_fastest(short[True], packs=False):
                self._short = short
                self._packs_short = self._is_fastest(short[True], packs=True)
        reading = {1: BY_VECTOR, 2: BY_EVERY_SECOND, 4: BY_EVERY_FOURTH}
        if horizontal.stride > 1 and len(horizontal.residues) == horizontal.stride:
            reading = {2: BY_TWO, 4: BY_FOUR}
        self._reading = reading.get(horizontal.stride, BY_NUMBER)
        self._products = prod((spec.groups, filters, channels, problem.taps))
        self._products *= vertical.longest * horizontal.longest

    def _choose_digits(self, tiled: matrices.AmxCuts) -> None:
        """Have products of digits where they pay: of packed weights, and of those of one call."""
        cuts = digits.DigitCuts.of(tiled)
        if cuts is None:
            return
        for kept, others in (
            (True, self._tiled),
            (False, self._tiled if self._packs_tiled else {}),
        ):
            images = 0 if kept else winograd.IMAGES
            least = others[True].cost(images) if others else inf
            if cuts.pays(packs=not kept) and cuts.cost(images) < least:
                self._digits[kept] = cuts

    def _is_fastest(self, short: winograd.WinogradCuts, *, packs: bool) -> bool:
        tiled = self._tiled[True].cost(winograd.IMAGES if packs else 0) if self._tiled else inf
        return short.pays(packs=packs, tiled=tiled)

    @cached_property
    def _fresh(self) -> FreshWeights:
        """The calls of short convolutions by weights that meet one batch."""
        return FreshWeights(self._short[True])

    @cached_property
    def _strict(self) -> dict[bool, Cuts]:
        """The cuts whose short sums are cut too: a tenth slower, with errors half as large."""
        strict = replace(self._cuts[True].problem, strict=True)
        return {planar: replace(cuts, problem=strict) for planar, cuts in self._cuts.items()}

    @cached_property
    def _strict_tiled(self) -> dict[bool, matrices.AmxCuts]:
        """The cuts in products of matrices with shorter segments."""
        return {
            planar: replace(cuts, problem=replace(cuts.problem, strict=True))
            for planar, cuts in self._tiled.items()
        }

    def _alone(self, planar: bool, kept: bool) -> DepthwiseCuts | None:
        """The way of a depthwise layer, if it is one."""
        return self._depthwise.cuts(planar, kept) if self._depthwise else None

    @property
    def packing(self) -> Hashable:
        """Every operator of a layer takes what another one packed, and adds orders of its own."""
        return "kernels", self._spec, self._dtype

    @property
    def way(self) -> str:
        """How planes are computed in the running context's precision, with packed weights."""
        return (self._alone(True, True) or self._ways(planar=True, kept=True)[0]).way

    def pack(self, weight: Array, bias: Array | None, *, once: bool = False) -> Packed:
        """Return weights and bias, which are kept: they mustn't be changed as long as it lives."""
        return Packed(weight, bias, kept=True, once=once)

    def __call__(
        self, input: Array, weight: Array, bias: Array | None, *, out: Array | None = None
    ) -> Array:
        """Pack and run."""
        return self.run(input, Packed(weight, bias, kept=False), out=out)

    def run(
        self,
        input: Array,
        packed: Packed,
        *,
        out: Array | None = None,
        residual: Array | None = None,
        activation: Activation = NO_ACTIVATION,
    ) -> Array:
        """Return activation(convolution + bias + residual)."""
        if self._dtype != self._number:  # halves are stored, and computed in float32
            return self._run_halves(input, packed, out, residual, activation)
        if packed.kept and out is None and residual is None:
            call = self._repeated(input, packed, activation)
            if call is not None:
                return call(input)
        shape = (len(input), self._spec.out_channels, *self._plane)
        last = memory.is_channels_last(input if out is None else out)
        alone = self._alone(not last, packed.kept)
        if last and (self._turns or (alone is not None and alone.problem.strict)):
            return self._by_planes(input, packed, out, residual, activation)
        if out is None:
            out = memory.empty(shape, self._number, channels_last=last)
        if residual is not None and residual.strides != out.strides:
            residual = _like(out, residual)
        in_rows = input.strides[3] == input.itemsize or input.shape[3] == 1
        ways, images = self._ways(not last, packed.kept, in_rows), input
        if alone is not None:
            if alone.turns and not alone.reads(input):
                images = np.ascontiguousarray(input)
            if alone.reads(images):
                ways = [alone]
        self._fill(ways, images, packed, out, residual, activation)
        return out

    def _repeated(self, input: Array, packed: Packed, activation: Activation) -> Repeated | None:
        """Return a small call on images that can simply be read, or None."""
        batch = len(input)
        if batch * self._products >= _WORTH_THREADS or not input.flags.c_contiguous:
            return None
        kind = self, batch, id(activation), get_precision()
        if kind not in packed.calls:
            if len(packed.calls) >= _MOST_CALLS:
                packed.calls.clear()
            shape = (batch, self._spec.out_channels, *self._plane)
            step, held = self.step(batch, packed, activation), (self, activation)
            packed.calls[kind] = repeated(step, shape, np.dtype(self._number), held)
        return packed.calls[kind]

    def _by_planes(
        self,
        input: Array,
        packed: Packed,
        out: Array | None,
        residual: Array | None,
        activation: Activation,
    ) -> Array:
        """Do a layer of few filters, of which only planes can be made, in the other order."""
        if residual is not None:
            residual = np.ascontiguousarray(residual)
        planes = np.ascontiguousarray(input)
        made = self.run(planes, packed, residual=residual, activation=activation)
        if out is None:
            out = memory.empty(made.shape, self._number, channels_last=True)
        out[...] = made
        return out

    def _fill(
        self,
        ways: list[Cuts],
        input: Array,
        packed: Packed,
        out: Array,
        residual: Array | None,
        activation: Activation,
    ) -> None:
        """Fill `out` in the first of some ways; an image that doesn't bear it, in the next one."""
        first, *others = ways
        spoiled = self._carry_out(first, input, packed, out, residual, activation)
        for image in spoiled:
            one = slice(image, image + 1)
            added = None if residual is None else residual[one]
            self._fill(others, input[one], packed, out[one], added, activation)

    def _carry_out(
        self,
        cuts: Cuts,
        input: Array,
        packed: Packed,
        out: Array,
        residual: Array | None,
        activation: Activation,
    ) -> list[int]:
        """Fill `out`, and return which images have to be done again."""
        images, reading = self._readable(input)
        batch = len(images)
        threads = batch * self._products >= _WORTH_THREADS
        if packed.once and activation is NO_ACTIVATION and cuts is self._short.get(True):
            arrays = images, packed.weight, packed.bias, out, residual
            done = self._fresh(arrays, reading, threads=threads)
            if done is not None:
                return done
        if not packed.kept:
            cuts = cuts.at_once(batch)
        program = cuts.program(reading)
        program.prepare()  # meanwhile, what packs weights is compiled
        record, units = cuts.work(batch, get_num_threads() if threads else 1)
        scratch = memory.scratch(MOST * int(record[SCRATCH_BYTES]))
        distance = 0
        if residual is not None:
            distance = memory.address_of(residual) - memory.address_of(out)
        ordered = self._ordered(packed, cuts)  # whose arrays must live until the end
        known = self._known(cuts, images, ordered, distance)
        told = told_of(record, images, out, scratch, known, activation)
        program(told, units, threads=threads)
        memory.give_back(scratch)
        if not cuts.spoils:
            return []
        spoiled = told[len(record) :].tolist()
        return [image for image, number in enumerate(spoiled) if number]

    def _known(
        self, cuts: Cuts, images: Array, ordered: Ordered, distance: int
    ) -> tuple[int, int, int, int, int]:
        """Return what `tell` is told of a call, but for its arrays."""
        weights, bias, _ = ordered
        is_row = self._is_flat and images.flags.c_contiguous  # tiles read beyond a channel's end
        return weights, bias, distance, cuts.direct if is_row else 0, int(cuts.spoils)

    def step(self, batch: int, packed: Packed, activation: Activation) -> Step | None:
        """Return a call on images in the order N, C, H, W as a step of a sequence, or None.

        That is the first way to compute it; a step tells where that can't be trusted. Whoever has
        it keeps the weights.
        """
        if self._dtype != self._number:
            return None
        images = np.empty((batch, *self._request.image_shape), self._number)  # for their strides
        out = np.empty((batch, self._spec.out_channels, *self._plane), self._number)
        cuts = self._alone(True, packed.kept) or self._ways(True, packed.kept)[0]
        _, reading = self._readable(images)
        program = cuts.program(reading)
        program.prepare()  # as in `_carry_out`
        threads = batch * self._products >= _WORTH_THREADS
        record, units = cuts.work(batch, get_num_threads() if threads else 1)
        known = self._known(cuts, images, self._ordered(packed, cuts), 0)
        return Step(
            program,
            told_of(record, images, out, np.empty(0, np.uint8), known, activation),
            units,
            threads and units > 1,
            MOST * int(record[SCRATCH_BYTES]),
            batch if cuts.spoils else 0,
        )

    def _ways(self, planar: bool, kept: bool, in_rows: bool = True) -> list[Cuts]:
        """Return the cuts by which weights for one call, or for many, are used, the best first.

        `in_rows` says whether the pixels of a row are neighbours.

        In strict precision these are the same, and so the bits. What is done again is done so too.
        """
        if self._tapwise:
            return [self._tapwise]
        is_strict = get_precision() == STRICT
        is_short = bool(self._short) and (kept or self._packs_short) and not is_strict
        in_digits = planar and in_rows and kept in self._digits and not is_strict
        strictly = is_strict or is_short or in_digits
        is_tiled = self._tiled and (kept or self._packs_tiled or strictly)
        ways = [(self._strict if strictly or is_tiled else self._cuts)[planar]]
        if is_tiled:
            ways.insert(0, (self._strict_tiled if strictly else self._tiled)[planar])
        if is_short:
            ways.insert(0, self._short[planar])
        if in_digits:
            ways.insert(0, self._digits[kept])
        return ways

    def _ordered(self, packed: Packed, cuts: Cuts) -> Ordered:
        """Return the weights in the program's order, and a bias that it can read in vectors."""
        ready = packed.orders.get(cuts.packing)
        if ready is None:
            bias, place = self._no_bias
            if packed.bias is not None:
                bias = bias.copy()
                bias[: self._spec.out_channels] = packed.bias
                place = memory.address_of(bias)
            weight = cuts.pack(packed.weight)
            ready = memory.address_of(weight), place, (weight, bias)
            if packed.kept:
                ready = packed.orders.setdefault(cuts.packing, ready)
        return ready

    @cached_property
    def _no_bias(self) -> tuple[Array, int]:
        bias = np.zeros(self._spec.out_channels + 64, self._number)
        return bias, memory.address_of(bias)

    def _readable(self, input: Array) -> tuple[Array, int]:
        """Return the images as the program can read them, and how it is to read their rows."""
        item = input.itemsize
        _, _, height, width = input.shape
        by_row, by_column = input.strides[2:]
        images = input
        if self._tapwise:
            return np.ascontiguousarray(input), BY_VECTOR
        if self._is_flat and by_row != width * by_column and height > 1:
            images, by_column = np.ascontiguousarray(input), item
        pixels = height * width if self._is_flat else width
        if by_column != item and pixels > 1:
            return images, BY_SQUARE if images.strides[1] == item else BY_NUMBER
        return images, self._reading

    @cached_property
    def _wide(self) -> "Convolution":
        """The same layer in float32."""
        return Convolution(replace(self._request, dtype="float32"))

    def _run_halves(
        self,
        input: Array,
        packed: Packed,
        out: Array | None,
        residual: Array | None,
        activation: Activation,
    ) -> Array:
        if residual is not None:
            residual = residual.astype(np.float32)
        result = self._wide.run(
            input.astype(np.float32), packed, residual=residual, activation=activation
        )
        with np.errstate(over="ignore"):  # what is too large for a half is infinite
            if out is None:
                return result.astype(self._dtype)
            out[...] = result
        return out


def prepare(request: Request) -> ConvolutionOperator:
    """Return the operator that carries out a request which wasn't refused."""
    operator: Any = SmallConvolution if takes(request) else Convolution
    return cast("ConvolutionOperator", operator(request))


def _like(out: Array, array: Array) -> Array:
    copy = np.empty_like(out)
    copy[...] = array
    return copy
