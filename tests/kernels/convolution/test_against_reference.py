"""The convolution kernels against the reference, over random calls and ones at the edges."""

import itertools

import numpy as np
import pytest

from convpool import bind, reference
from convpool import functional as F  # noqa: N812
from convpool.dispatch import plan
from convpool.kernels.convolution.operator import Convolution
from convpool.kernels.convolution.small import SmallConvolution, takes
from convpool.request import Request
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec
from tests.kernels.convolution.cases import ACTIVATIONS, PROGRAMS, Case, Spec, check, some
from tests.kernels.layouts import both_layouts, channels_last, noise


@pytest.mark.parametrize("kind", PROGRAMS)
def test_random_calls(kind: str) -> None:
    for case in some(kind):
        check(case, case.run())


def test_random_small_layers() -> None:
    random = np.random.default_rng(0)
    for _ in range(100):
        groups, channels, filters = random.integers(1, 4, 3).tolist()
        spec = Conv2dSpec(
            channels * groups,
            filters * groups,
            random.integers(1, 4, 2).tolist(),
            random.integers(1, 4, 2).tolist(),
            random.integers(1, 4, (2, 2)).tolist(),
            random.integers(1, 3, 2).tolist(),
            groups,
        )
        dtype = str(random.choice(["float32", "float64"]))
        images = noise((2, channels * groups, *random.integers(4, 7, 2)), dtype)
        request = Request("conv2d", spec, images.shape[1:], dtype)
        if takes(request):
            weight, bias = noise(spec.weight_shape, dtype), noise((spec.out_channels,), dtype)
            for same, activation in itertools.product(both_layouts(images), ACTIVATIONS[2:]):
                case = Case(spec, same, weight, bias, None, activation)
                check(case, case.run(SmallConvolution(request)))
                residual = same[:, :1, :1, :1] + np.zeros(case.output_shape, dtype)
                case = Case(spec, same, weight, bias, residual, activation, "channels last")
                check(case, case.run(SmallConvolution(request)))


@pytest.mark.parametrize("kind", PROGRAMS)
def test_bound_layers_and_functions(kind: str) -> None:
    """By the public way, on the same calls: the answers are those of the operators."""
    for case in some(kind)[:100]:
        chosen = plan(kind, case.spec, case.request.image_shape, case.request.dtype)
        assert chosen.engine == "kernels", case
        slope, ceiling = case.activation.slope, case.activation.ceiling
        bound = bind(case.spec, case.weight, case.bias, case.activation)
        result = bound(case.input, residual=case.residual)
        check(case, result)
        if case.residual is None and (slope, ceiling) == (1, np.inf):
            check(case, chosen.run(case.input, case.weight, case.bias))


EDGES: dict[str, Spec] = {
    "all padding": Conv2dSpec(3, 5, 3, padding=40, dilation=30),
    "one pixel left": Conv2dSpec(3, 5, (9, 40), padding=0),
    "far taps": Conv2dSpec(3, 5, 2, dilation=(8, 39), padding=0),
    "stride beyond the image": Conv2dSpec(3, 5, 1, stride=(50, 70)),
    "stride beyond the kernel": Conv2dSpec(3, 5, 2, stride=7, padding=3),
    "phases without taps": ConvTranspose2dSpec(3, 5, 2, stride=(5, 7)),
    "taps of one phase only": ConvTranspose2dSpec(3, 5, 3, stride=2, dilation=2, output_padding=1),
    "cropped to the middle": ConvTranspose2dSpec(3, 5, 11, padding=(8, 20)),
    "a row": Conv2dSpec(3, 5, (1, 40)),
    "more taps than a segment": Conv2dSpec(3, 5, (9, 33), padding=(0, 3)),
}


@pytest.mark.parametrize("name", EDGES)
def test_edges(name: str) -> None:
    spec = EDGES[name]
    weight, bias = noise(spec.weight_shape), noise((5,))
    for images in both_layouts(noise((2, 3, 9, 40))):
        case = Case(spec, images, weight, bias)
        check(case, case.run())


@pytest.mark.parametrize("plane", [(1, 1), (1, 70), (70, 1), (2, 3)])
def test_planes_of_a_row_or_a_column(plane: tuple[int, int]) -> None:
    for spec in (Conv2dSpec(4, 6, 1), Conv2dSpec(4, 6, 3, padding=1, padding_mode="replicate")):
        weight = noise(spec.weight_shape)
        for images in both_layouts(noise((3, 4, *plane))):
            case = Case(spec, images, weight, None)
            check(case, case.run())


@pytest.mark.parametrize("width", [7, 10, 28, 56])
def test_channels_and_images_taken_from_others(width: int) -> None:
    """Planes in order but not the whole: where pixels don't meet, they may be read in place."""
    spec, weight = Conv2dSpec(32, 64, 1), noise((64, 32, 1, 1))
    for images in (
        noise((2, 64, width, width))[:, ::2],
        noise((2, 40, width, width))[:, 3:35],
        noise((2, 32, width, width))[:, ::-1],
        noise((2, 32, width, width))[::-1],
        noise((32, 2, width, width)).swapaxes(0, 1),
    ):
        case = Case(spec, images, weight, None)
        check(case, case.run())


def test_images_that_lie_over_each_other() -> None:
    """One image or one row for all, with strides of 0, and windows of one row (`as_strided`)."""
    spec, weight = Conv2dSpec(4, 6, 3, padding=1), noise((6, 4, 3, 3))
    row = noise((60,))
    for images in (
        np.broadcast_to(noise((4, 9, 14)), (3, 4, 9, 14)),
        np.broadcast_to(noise((1, 4, 1, 14)), (2, 4, 9, 14)),
        np.broadcast_to(noise((1, 1, 9, 1)), (2, 4, 9, 14)),
        np.lib.stride_tricks.as_strided(row, (2, 4, 9, 14), (8, 4, 12, 4), writeable=False),
    ):
        case = Case(spec, images, weight, None)
        check(case, case.run())
    flat = Conv2dSpec(4, 6, 1)
    for images in (
        np.broadcast_to(noise((1, 1, 9, 1)), (2, 4, 9, 14)),
        np.broadcast_to(noise((1, 4, 1, 14)), (2, 4, 9, 14)),
    ):
        case = Case(flat, images, noise((6, 4, 1, 1)), None)
        check(case, case.run())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_other_byte_orders_and_addresses(dtype: str) -> None:
    images, weight = noise((2, 4, 9, 14), dtype), noise((6, 4, 3, 3), dtype)
    packed = np.zeros(images.nbytes + 1, np.uint8)
    misaligned = packed[1:].view(dtype).reshape(images.shape)
    misaligned[...] = images
    swapped = images.dtype.newbyteorder(">")
    expected = F.conv2d(images, weight, padding=1)
    for same, taps in (
        (misaligned, weight),
        (images.astype(swapped), weight.astype(swapped)),
        (channels_last(images).astype(swapped), weight),
    ):
        np.testing.assert_array_equal(F.conv2d(same, taps, padding=1), expected)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("out", ["", "in order", "channels last"])
def test_the_output_runs_as_the_images_do_or_as_out_does(last: bool, out: str) -> None:
    spec, weight = Conv2dSpec(4, 6, 3, padding=1), noise((6, 4, 3, 3))
    images = noise((2, 4, 9, 14))
    case = Case(spec, channels_last(images) if last else images, weight, None, out=out)
    result = case.run()
    check(case, result)
    is_last = out == "channels last" or (last and not out)
    assert result.transpose(0, 2, 3, 1).flags.c_contiguous == is_last
    assert result.flags.c_contiguous != is_last


def test_no_images() -> None:
    for spec in (Conv2dSpec(4, 6, 3), ConvTranspose2dSpec(4, 6, 3)):
        images, weight = np.zeros((0, 4, 9, 14), np.float32), noise(spec.weight_shape)
        case = Case(spec, images, weight, None)
        assert case.run().shape == case.output_shape
        assert Convolution(case.request)(images, weight, None).size == 0


def test_arrays_that_cannot_be_written() -> None:
    arrays = noise((1, 4, 9, 14)), noise((6, 4, 3, 3)), noise((6,)), noise((1, 6, 7, 12))
    for array in arrays:
        array.flags.writeable = False
    case = Case(Conv2dSpec(4, 6, 3, bias=True), *arrays)
    before = [array.copy() for array in arrays]
    check(case, case.run())
    for array, same in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, same)


def test_weights_of_other_strides() -> None:
    spec, images = Conv2dSpec(4, 6, 3), noise((1, 4, 9, 14))
    weight = noise((3, 3, 6, 4)).transpose(2, 3, 0, 1)[:, ::-1]
    expected = reference.conv2d(spec, images, weight, None)
    result = Case(spec, images, weight, None).run()
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", PROGRAMS)
def test_halves_that_are_too_large_are_infinite(kind: str) -> None:
    """Without a warning, which is an error here."""
    images, weight = np.full((2, 4, 9, 14), 60000.0, np.float16), np.ones((4, 4, 1, 1), np.float16)
    function = getattr(F, kind)
    assert (function(images, weight) == np.inf).all()
    out = np.zeros(images.shape, np.float16)
    assert (function(images, -weight, out=out) == -np.inf).all()
