"""The gradients of convolutions against the reference, float64 and PyTorch."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.cases import Case as Row
from convpool import functional as F  # noqa: N812
from convpool import kernels
from convpool.arithmetic import output_shape
from convpool.bench.cases import arguments
from convpool.bench.task import error
from convpool.dispatch import plan
from convpool.precisions import precision
from convpool.spec import PADDING_MODES, Conv2dSpec, ConvolutionSpec, ConvTranspose2dSpec
from convpool.threads import get_num_threads, set_num_threads
from tests.benchmarks.contestants import case_named
from tests.kernels.convolution.cases import Plane, check
from tests.kernels.convolution.gradients import PROGRAMS, Gradient, gradients
from tests.kernels.convolution.layers import LAYERS
from tests.kernels.layouts import both_layouts, channels_last, noise

Array = NDArray[Any]

KINDS = tuple(PROGRAMS)
SMALL = 4e-6, 2e-6
"""Of the root mean square, good enough whatever PyTorch does: by input, where among a million
numbers one chain of 144 products is off by that, and by weight."""


def call(kind: str, spec: ConvolutionSpec, plane: Plane, batch: int = 2, out: str = "") -> Gradient:
    """A call of a gradient, in float32."""
    shape = (batch, spec.in_channels, *plane)
    other = spec.weight_shape if kind == "input" else shape
    return Gradient(kind, spec, plane, noise(output_shape(spec, shape)), noise(other)[::-1], out)


def both_orders(case: Gradient) -> list[Gradient]:
    """The call with its images in their own order, and with channels last."""
    other = case.other if case.kind == "input" else channels_last(case.other)
    last = Gradient(case.kind, case.spec, case.plane, channels_last(case.gradient), other, case.out)
    return [case, last]


@pytest.mark.parametrize("kind", KINDS)
def test_random_calls(kind: str) -> None:
    for case in gradients(kind):
        check(case, case.run())


EDGES: dict[str, tuple[ConvolutionSpec, Plane]] = {
    "all padding": (Conv2dSpec(3, 5, 3, padding=40, dilation=30), (9, 40)),
    "one pixel left": (Conv2dSpec(3, 5, (9, 40)), (9, 40)),
    "stride beyond the image": (Conv2dSpec(3, 5, 1, stride=(15, 16)), (9, 10)),
    "stride beyond the kernel": (Conv2dSpec(3, 5, 2, stride=7, padding=3), (9, 40)),
    "dilated and strided": (Conv2dSpec(3, 5, 3, 4, 2, dilation=2), (23, 30)),
    "rows left over": (Conv2dSpec(3, 5, 2, stride=5), (11, 9)),
    "a row": (Conv2dSpec(3, 5, (1, 40)), (1, 300)),
    "a wide row": (Conv2dSpec(3, 5, 3, padding=1), (3, 700)),
    "a column": (Conv2dSpec(40, 20, 1), (70, 1)),
    "several images a block": (Conv2dSpec(20, 40, 3, padding=1), (3, 3)),
    "more channels than a panel": (Conv2dSpec(130, 40, 3, padding=1), (6, 6)),
    "more filters than a unit": (Conv2dSpec(10, 300, 1), (6, 6)),
    "depthwise": (Conv2dSpec(50, 50, 3, padding=1, groups=50), (12, 12)),
    "depthwise, dilated": (Conv2dSpec(50, 50, (2, 5), padding=2, dilation=2, groups=50), (12, 9)),
    "depthwise, strided": (Conv2dSpec(70, 70, 5, 2, 2, groups=70), (12, 12)),
    "output padding cut": (ConvTranspose2dSpec(4, 6, 3, 2, 0, 2, dilation=3), (5, 6)),
    "output padding cropped": (ConvTranspose2dSpec(4, 6, 3, 2, 3, 2, dilation=3), (5, 6)),
    "depthwise, transposed": (ConvTranspose2dSpec(40, 40, 4, 2, 1, groups=40), (7, 7)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str, kind: str) -> None:
    for batch in (1, 7):
        for case in both_orders(call(kind, *EDGES[name], batch)):
            check(case, case.run())


@pytest.mark.parametrize("mode", PADDING_MODES)
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_padding_modes_as_pytorch(mode: str, dtype: str) -> None:
    """Four different sides, strides that leave rows over."""
    sides = (2, 1), (3, 2)
    images, weight = noise((2, 5, 8, 9), dtype), noise((6, 5, 3, 2), dtype)
    leaf = torch.from_numpy(images).double().requires_grad_()
    taps = torch.from_numpy(weight).double().requires_grad_()
    padded = torch.nn.functional.pad(
        leaf, (3, 2, 2, 1), mode="constant" if mode == "zeros" else mode
    )
    output = torch.nn.functional.conv2d(padded, taps, stride=2)
    gradient = noise(tuple(output.shape), dtype)
    back: Any = output.backward
    back(torch.from_numpy(gradient).double())
    for same in both_layouts(gradient):
        by_input = F.conv2d_input(images.shape, weight, same, 2, sides, padding_mode=mode)
        by_weight = F.conv2d_weight(images, weight.shape, same, 2, sides, padding_mode=mode)
        for ours, theirs in ((by_input, leaf.grad), (by_weight, taps.grad)):
            assert theirs is not None
            tolerance = {"float16": 2e-3, "float32": 1e-5}[dtype]
            np.testing.assert_allclose(ours, theirs.numpy(), rtol=tolerance, atol=20 * tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_what_runs_by_the_functions(kind: str) -> None:
    for name in ("across filters", "phases"):
        spec, plane = LAYERS[name]
        case = call(kind, spec, plane)
        request = case.request
        chosen = plan(request.operation, spec, request.image_shape, request.dtype)
        assert chosen.engine == "kernels"
        check(case, chosen.run(*case.arguments))


BY_PLANES: dict[str, tuple[ConvolutionSpec, Plane]] = {
    "3x3": (Conv2dSpec(40, 40, 3, 1, 1, groups=40), (14, 14)),
    "strided": (Conv2dSpec(40, 40, 3, 2, 1, groups=40), (28, 28)),
    "without padding": (Conv2dSpec(33, 33, 3, 2, groups=33), (15, 18)),
    "5x5": (Conv2dSpec(20, 20, 5, 1, 2, groups=20), (9, 40)),
    "5x5, strided": (Conv2dSpec(20, 20, 5, 2, 2, groups=20), (32, 31)),
    "7x7": (Conv2dSpec(6, 6, 7, 1, 3, groups=6), (23, 23)),
    "rectangular": (Conv2dSpec(6, 6, (2, 5), (2, 1), (1, 3), groups=6), (20, 9)),
    "a row of taps": (Conv2dSpec(6, 6, (1, 3), (1, 2), (0, 1), groups=6), (20, 70)),
    "a column of taps": (Conv2dSpec(6, 6, (4, 1), 2, (2, 0), groups=6), (20, 9)),
    "strided down": (Conv2dSpec(6, 6, 3, (2, 1), 1, groups=6), (20, 9)),
    "much padding": (Conv2dSpec(6, 6, 3, 2, ((2, 5), (6, 3)), groups=6), (20, 9)),
    "more padding than pixels": (Conv2dSpec(6, 6, 5, 1, 4, groups=6), (2, 1)),
    "bands": (Conv2dSpec(3, 3, 3, 1, 1, groups=3), (65, 700)),
    "one channel": (Conv2dSpec(1, 1, 3, 1, 1), (40, 40)),
    "narrow": (Conv2dSpec(100, 100, 3, 1, 1, groups=100), (7, 7)),
    "transposed": (ConvTranspose2dSpec(40, 40, 4, 2, 1, groups=40), (7, 7)),
    "transposed, cropped": (ConvTranspose2dSpec(20, 20, 3, 2, 3, 1, groups=20), (9, 18)),
    "transposed, stride 1": (ConvTranspose2dSpec(20, 20, 3, 1, 1, groups=20), (9, 18)),
    "no tap for a phase": (ConvTranspose2dSpec(20, 20, (1, 3), 2, groups=20), (9, 18)),
    "stride beyond the planes'": (Conv2dSpec(20, 20, 3, 3, 1, groups=20), (9, 18)),
    "dilated": (Conv2dSpec(20, 20, 3, 1, 2, 2, groups=20), (9, 18)),
    "narrow groups": (Conv2dSpec(32, 24, 3, 1, 1, groups=4), (14, 19)),
    "narrow groups, strided": (Conv2dSpec(12, 15, 3, 2, 1, groups=3), (31, 9)),
    "narrow groups of 5x5": (Conv2dSpec(8, 8, 5, 1, 2, groups=2), (9, 20)),
    "two filters a channel": (Conv2dSpec(9, 18, (3, 2), (1, 2), 1, groups=9), (9, 20)),
    "narrow groups, transposed": (ConvTranspose2dSpec(12, 8, 3, 2, 1, 1, groups=4), (9, 20)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", BY_PLANES)
def test_by_planes(name: str, dtype: str) -> None:
    """Planes between others, too, and what isn't in planes."""
    spec, plane = BY_PLANES[name]
    for kind, batch in product(KINDS, (1, 5)):
        case = call(kind, spec, plane, batch)
        case = replace(case, gradient=case.gradient.astype(dtype), other=case.other.astype(dtype))
        for same in both_orders(case):
            check(same, same.run())
        wide = np.repeat(case.gradient, 2, axis=1)[:, ::2]
        check(case, replace(case, gradient=wide).run())


def test_planes_that_are_streamed() -> None:
    """A result of 32 MB and more, in units of several planes and of one."""
    for channels, plane in ((80, (324, 324)), (3, (1400, 2010)), (9, (250, 3730))):
        spec = Conv2dSpec(channels, channels, 3, 2, 1, groups=channels)
        case = call("input", spec, plane, 1)
        check(case, case.run())


@pytest.mark.parametrize("special", [np.inf, np.nan])
def test_what_no_gradient_meets_is_not_seen(special: float) -> None:
    """Beside the last windows of a row, and below those of the last rows."""
    spec = Conv2dSpec(2, 2, 3, 2, groups=2)
    case = call("weight", spec, (30, 30))
    expected = case.run()
    case.other[..., 29, :] = special
    case.other[..., 29] = special
    np.testing.assert_array_equal(case.run(), expected)


@pytest.mark.parametrize("name", LAYERS)
def test_any_number_of_threads(name: str) -> None:
    """By weight, those of narrow groups depend on the order of memory."""
    threads = get_num_threads()
    for kind in KINDS:
        spec, plane = LAYERS[name]
        case = call(kind, spec, plane, 5)
        whole = case.run()
        for same in both_orders(case):
            if kind == "weight" and spec.groups > 1:
                whole = same.run()
            check(case, whole)
            try:
                for count in range(1, threads + 1):
                    set_num_threads(count)
                    assert same.run().tobytes() == whole.tobytes(), count
            finally:
                set_num_threads(threads)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("out", ["in order", "channels last"])
def test_out_is_filled(kind: str, out: str) -> None:
    for spec, plane in (
        (Conv2dSpec(4, 6, 3, padding=1), (9, 14)),
        (Conv2dSpec(4, 6, 3, padding=1, padding_mode="circular"), (9, 14)),
        (ConvTranspose2dSpec(4, 6, 3, 2), (9, 14)),
    ):
        case = call(kind, spec, plane, out=out)
        check(case, case.run())


@pytest.mark.parametrize("kind", KINDS)
def test_no_images(kind: str) -> None:
    for spec in (Conv2dSpec(4, 6, 3), ConvTranspose2dSpec(4, 6, 3)):
        case = call(kind, spec, (9, 14), 0)
        check(case, case.run())


REFUSED: dict[str, tuple[Gradient, str]] = {
    "integers": (
        Gradient("weight", Conv2dSpec(1, 1, 1), (3, 3), noise((1,), "int8"), noise((1,))),
        "no kernel for int8",
    ),
    "many phases": (
        Gradient("input", Conv2dSpec(1, 1, 1, 17), (30, 30), noise((1,)), noise((1,))),
        "17x17 phases exceed 256",
    ),
    "far taps": (
        Gradient("weight", Conv2dSpec(1, 1, 3, 1, 900, 900), (3, 3), noise((1,)), noise((1,))),
        "taps span 1801x1801 pixels, which exceeds a panel",
    ),
    "nothing but output padding": (
        Gradient("weight", ConvTranspose2dSpec(1, 1, 1, 2, 1, 1), (1, 1), noise((1,)), noise((1,))),
        "no tap meets the output",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name: str) -> None:
    case, reason = REFUSED[name]
    assert kernels.refusal(case.request) == reason


@pytest.mark.parametrize("kind", KINDS)
def test_halves_that_are_too_large_are_infinite(kind: str) -> None:
    """Without a warning, which is an error here."""
    large = np.full((2, 4, 9, 14), 60000.0, np.float16)
    for mode in ("zeros", "circular"):
        if kind == "input":
            weight = np.ones((4, 4, 1, 1), np.float16)
            result = F.conv2d_input(large.shape, weight, large, padding_mode=mode)
        else:
            result = F.conv2d_weight(large, (4, 4, 1, 1), large, padding_mode=mode)
        assert (result == np.inf).all()


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_values_stay_with_their_filter_and_channel(special: float) -> None:
    """They lie in one vector with others, and in one panel."""
    for spec in (Conv2dSpec(40, 40, 3), Conv2dSpec(40, 40, 3, groups=40)):
        images, gradient = noise((2, 40, 9, 9)), noise((2, 40, 7, 7))
        gradient[1, 3, 4, 4] = special
        result = F.conv2d_weight(images, spec.weight_shape, gradient, groups=spec.groups)
        assert not np.isfinite(result[3]).any()
        assert np.isfinite(np.delete(result, 3, axis=0)).all()
        images[0, 5, 4, 4], gradient[1, 3, 4, 4] = special, 1
        result = F.conv2d_weight(images, spec.weight_shape, gradient, groups=spec.groups)
        met = result[5:6] if spec.groups > 1 else result[:, 5:6]
        assert not np.isfinite(met).any()
        assert np.isfinite(result).sum() == result.size - met.size


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        ("resnet50,stem 7x7 s2", 2),
        ("resnet50,l2 128-128 3x3", 16),
        ("resnet50,l4 512-2048 1x1", 16),
        ("resnet20-cifar,16-16", 64),
        ("mobilenetv2,dw 384 14 s1", 16),
        ("odd,grouped 32 (resnext)", 4),
    ],
)
def test_errors_are_no_larger_than_those_of_pytorch(name: str, batch: int) -> None:
    row: Row = case_named(name).with_batch(batch)
    spec = row.spec
    assert isinstance(spec, Conv2dSpec)
    images, weight = noise(row.shape), noise(spec.weight_shape)
    gradient = noise(row.output_shape)[::-1].copy()
    exact = _by_torch(row, *(torch.from_numpy(a).double() for a in (gradient, images, weight)))
    theirs = _by_torch(row, *map(torch.from_numpy, (gradient, images, weight)))
    steps = _steps(row)
    for same in both_layouts(gradient):
        with precision("strict"):
            ours = (
                F.conv2d_input(row.shape, weight, same, *steps),
                F.conv2d_weight(images, weight.shape, same, *steps),
            )
        for mine, other, true, small in zip(ours, theirs, exact, SMALL, strict=True):
            expected = (true.numpy(),)
            assert error(mine, expected) <= max(small, 1.1 * error(other.numpy(), expected))


def _by_torch(row: Row, gradient: Any, images: Any, weight: Any) -> Any:
    *steps, groups = _steps(row)
    wanted = [True, True, False]
    back = torch.ops.aten.convolution_backward
    return back(gradient, images, weight, None, *steps, False, [0, 0], groups, wanted)[:2]


def _steps(row: Row) -> tuple[Any, ...]:
    given = arguments(row.spec)
    return tuple(given[name] for name in ("stride", "padding", "dilation", "groups"))
