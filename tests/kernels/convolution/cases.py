"""Random calls of the convolution kernels: layers, images in many memory orders, what follows.

Each shape of tile is compiled by itself, which takes about a second; so drawing stops taking calls
that need yet another program once there are enough of those.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, Protocol, cast
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from convpool import kernels, reference
from convpool.arithmetic import output_shape
from convpool.errors import ArgumentError
from convpool.kernels import memory
from convpool.kernels.convolution.operator import Convolution
from convpool.kernels.jit import Program
from convpool.request import NO_ACTIVATION, Request
from convpool.spec import PADDING_MODES, Activation, Conv2dSpec, ConvTranspose2dSpec
from convpool.threads import MOST, get_num_threads, set_num_threads
from tests.drawing import LAYOUTS
from tests.kernels.layouts import channels_last, noise

Array = NDArray[Any]
Spec = Conv2dSpec | ConvTranspose2dSpec
Plane = tuple[int, int]

TOLERANCE = {"float64": 1e-13, "float32": 5e-6, "float16": 1e-3}
"""Of the largest output: sums of some thousand products, and one rounding to float16."""
PROGRAMS = {"conv2d": 18, "conv_transpose2d": 9}
"""That the random calls of a kind may need."""
MOST_PRODUCTS = 1 << 23
PLANES = (1, 2, 3, 5, 7, 8, 13, 14, 16, 17, 27, 28, 32, 33, 56, 64, 65, 70)
COUNTS = (1, 2, 3, 4, 6, 7, 8, 15, 16, 17, 24, 31, 32, 33, 48, 64, 65, 70)
"""Sizes about those of tiles: of planes, and of channels and filters."""
ACTIVATIONS = (
    *(NO_ACTIVATION,) * 3,
    *(Activation(0.0), Activation(0.0, 6.0), Activation(0.01), Activation(1.5, 0.25)),
)


@dataclass(frozen=True)
class Case:
    """One call. `out` says how the given output's memory runs, if one is given."""

    spec: Spec
    input: Array
    weight: Array
    bias: Array | None
    residual: Array | None = None
    activation: Activation = NO_ACTIVATION
    out: str = ""
    packed: bool = False
    """Whether the weights are packed beforehand, even if nothing follows."""

    def __str__(self) -> str:
        images = f"{self.input.dtype} {self.input.shape}, strides {self.input.strides}"
        rest = f"bias {self.bias is not None}, residual {self.residual is not None}"
        return f"{self.spec} on {images}, {rest}, {self.activation}, out {self.out!r}"

    @property
    def request(self) -> Request:
        name = "conv2d" if isinstance(self.spec, Conv2dSpec) else "conv_transpose2d"
        return Request(name, self.spec, self.input.shape[1:], self.input.dtype.name)

    @property
    def names(self) -> tuple[str, ...]:
        """The arrays."""
        return "input", "weight", "bias", "residual"

    @property
    def output_shape(self) -> tuple[int, ...]:
        return output_shape(self.spec, self.input.shape)

    def expected(self) -> Array:
        """What the reference returns."""
        function = getattr(reference, self.request.operation)
        arrays = self.input, self.weight, self.bias, self.residual
        return cast("Array", function(self.spec, *arrays, self.activation))

    def run(self, operator: Any = None) -> Array:
        """What an operator returns, by default that of blocks, however small the layer is."""
        operator = operator or Convolution(self.request)
        out = None
        if self.out:
            is_last = self.out == "channels last"
            out = memory.empty(self.output_shape, self.input.dtype, channels_last=is_last)
        if self.residual is None and self.activation is NO_ACTIVATION and not self.packed:
            result = operator(self.input, self.weight, self.bias, out=out)
        else:
            packed = operator.pack(self.weight, self.bias)
            options = {"residual": self.residual, "activation": self.activation}
            result = operator.run(self.input, packed, out=out, **options)
        assert out is None or result is out
        return cast("Array", result)

    def programs(self) -> list[Program]:
        """Return the programs that it needs, without running them."""
        return programs_of(self.run)


class Call(Protocol):
    """What can be compared with the reference."""

    def expected(self) -> Array:
        """What the reference returns."""
        ...


def programs_of(run: Callable[[], object]) -> list[Program]:
    """Return the programs that a call needs, without running them.

    What would be computed is whatever lay in memory; filling that with poison takes a third of the
    time of drawing.
    """
    needed: list[Program] = []

    def note(program: Program, *_arguments: object, **_options: object) -> None:
        needed.append(program)

    with (
        patch.object(Program, "prepare", lambda _program: None),
        patch.object(Program, "__call__", note),
        patch.object(memory, "_POISONED", new=False),
        np.errstate(all="ignore"),
    ):
        run()
    return needed


def check(case: Call, result: Array) -> None:
    """Compare with the reference."""
    compare(case, result, case.expected())


def compare(case: object, result: Array, expected: Array) -> None:
    """Compare with what the reference returned."""
    assert result.dtype == expected.dtype, case
    assert result.shape == expected.shape, case
    tolerance = TOLERANCE[expected.dtype.name]
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    np.testing.assert_allclose(
        result, expected, rtol=tolerance, atol=tolerance * scale, err_msg=str(case)
    )


@cache
def some(kind: str, count: int = 300) -> tuple[Case, ...]:
    """Return random calls of a kind, always the same ones."""
    return tuple(_drawn(DRAW[kind], count, PROGRAMS[kind]))


def read_in_place() -> Iterator[Case]:
    """Yield calls that take pixels from the images themselves, where tiles exceed the planes."""
    for width, channels in product((5, 7, 10), (32, 300)):
        spec = Conv2dSpec(channels, 64, 1)
        for batch in (1, 2):
            images = noise((batch, channels, width, width))
            for same in (images, images[::-1].copy()[::-1]):
                yield Case(spec, same, noise(spec.weight_shape), None, packed=True)


def transformed() -> Iterator[Case]:
    """Yield calls that are computed by short convolutions: tiles cut, wide planes, many blocks."""
    pads: tuple[Any, ...] = (0, 1, 2, ((0, 3), (2, 1)))
    shapes = [
        *((2, 64, 64, 28, 28), (3, 33, 50, 15, 21), (1, 40, 33, 13, 300), (1, 300, 64, 16, 16)),
        *((2, 64, 96, 14, 14), (1, 64, 64, 61, 63)),
    ]
    for number, (batch, channels, filters, *plane) in enumerate(shapes):
        for mode in ("zeros", "reflect") if number == 0 else ("zeros",):
            padding = pads[number % len(pads)] if mode == "zeros" else 1
            spec = Conv2dSpec(channels, filters, 3, padding=padding, padding_mode=mode)
            yield _with_noise(spec, (batch, *plane))
    yield _with_noise(Conv2dSpec(128, 128, 3, padding=1, groups=2), (2, 20, 20))
    yield _with_noise(ConvTranspose2dSpec(48, 64, 3, padding=1), (2, 20, 24))
    yield _with_noise(Conv2dSpec(33, 64, 5, padding=2), (2, 21, 18))


def _with_noise(spec: Spec, batch_and_plane: tuple[int, ...]) -> Case:
    batch, *plane = batch_and_plane
    images = noise((batch, spec.in_channels, *plane))
    weight, bias = noise(spec.weight_shape), noise((spec.out_channels,))
    case = Case(spec, images, weight, bias, packed=True)
    residual = noise(case.output_shape)
    return replace(case, residual=residual, activation=Activation(0.25))


def _drawn(
    draw: Callable[[np.random.Generator], Case | None], count: int, programs: int
) -> Iterator[Case]:
    random = np.random.default_rng(0)
    known: set[Program] = set()
    while count:
        case = draw(random)
        if case is None:
            continue
        needed = known.union(case.programs())
        if len(needed) <= programs:
            known = needed
            count -= 1
            yield case


def _convolution(random: np.random.Generator) -> Case | None:
    groups, channels, filters = _channels(random)
    kernel = _pair(random, (1, 1, 2, 3, 3, 4, 5, 7, 11))
    padding: Any = random.integers(0, 5, (2, 2)).tolist()
    if random.random() < 0.3:
        padding = "same" if random.random() < 0.5 else "valid"
    is_plain = padding == "same" or random.random() < 0.5
    return _case(
        random,
        lambda: Conv2dSpec(
            channels * groups,
            filters * groups,
            kernel,
            1 if is_plain else _pair(random, (1, 2, 2, 3, 4, 5)),
            padding,
            _pair(random, (1, 1, 1, 2, 3, 4)),
            groups,
            bool(random.random() < 0.5),
            str(random.choice([*PADDING_MODES, "zeros", "zeros"])),
        ),
    )


def _transposed(random: np.random.Generator) -> Case | None:
    groups, channels, filters = _channels(random)
    stride, dilation = _pair(random, (1, 2, 2, 3, 4, 5)), _pair(random, (1, 1, 2, 3, 4))
    extra = [int(random.integers(0, max(pair))) for pair in zip(stride, dilation, strict=True)]
    return _case(
        random,
        lambda: ConvTranspose2dSpec(
            channels * groups,
            filters * groups,
            _pair(random, (1, 2, 3, 4, 5, 7, 11)),
            stride,
            random.integers(0, 4, (2, 2)).tolist(),
            extra,
            groups,
            bool(random.random() < 0.5),
            dilation,
        ),
    )


DRAW = {"conv2d": _convolution, "conv_transpose2d": _transposed}


def _case(random: np.random.Generator, make: Callable[[], Spec]) -> Case | None:
    """Draw arrays for a layer; None if it can't be or is too much work for the reference."""
    plane = _pair(random, PLANES)
    batch = int(random.choice([0, *(1, 2, 3) * 4]))
    dtype = str(random.choice(["float16", "float64", "float32", "float32", "float32"]))
    try:
        spec = make()
        shape = output_shape(spec, (batch, spec.in_channels, *plane))
    except ArgumentError:
        return None
    pixels = max(shape[2] * shape[3], plane[0] * plane[1])
    weights = int(np.prod(spec.weight_shape))
    if batch * pixels * weights > MOST_PRODUCTS:
        return None
    images = laid_out(random, _noise(random, (batch, spec.in_channels, *plane), dtype))
    bias = _noise(random, (spec.out_channels,), dtype) if spec.bias else None
    case = Case(
        spec,
        images,
        laid_out(random, _noise(random, spec.weight_shape, dtype)),
        bias,
        laid_out(random, _noise(random, shape, dtype)) if random.random() < 0.3 else None,
        ACTIVATIONS[random.integers(len(ACTIVATIONS))],
        str(random.choice(["", "", "in order", "channels last"])),
        bool(random.random() < 0.5),
    )
    return None if kernels.refusal(case.request) else case


def _channels(random: np.random.Generator) -> tuple[int, int, int]:
    """Draw groups, and channels and filters of each."""
    if random.random() < 0.25:  # depthwise, with a multiplier
        return int(random.choice(COUNTS)), 1, int(random.choice([1, 1, 2, 3]))
    groups = int(random.choice([1, 1, 1, 2, 3, 5]))
    return groups, int(random.choice(COUNTS)), int(random.choice(COUNTS))


def _pair(random: np.random.Generator, numbers: tuple[int, ...]) -> tuple[int, int]:
    first, second = random.choice(numbers, 2).tolist()
    return (first, first) if random.random() < 0.5 else (first, second)


def _noise(random: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Array:
    return random.standard_normal(shape).astype(dtype)


def laid_out(random: np.random.Generator, array: Array) -> Array:
    """Return it in its own order, with channels last, or laid out in some other way."""
    chance = random.random()
    if chance < 0.5:
        return array
    if chance < 0.75:
        return channels_last(array)
    return LAYOUTS[random.integers(len(LAYOUTS))](array)


def check_bits(case: Case) -> None:
    """Compare bits whatever the company and the number of threads, packed before or in the call."""
    operator = Convolution(case.request)
    whole = case.run(operator)
    assert replace(case, packed=False).run(operator).tobytes() == whole.tobytes()
    threads = get_num_threads()
    try:
        for count in range(1, MOST + 1):
            set_num_threads(count)
            assert case.run(operator).tobytes() == whole.tobytes()
            for image in range(len(whole)):
                one = replace(case, input=case.input[image:][:1])
                assert one.run(operator).tobytes() == whole[image].tobytes()
    finally:
        set_num_threads(threads)
