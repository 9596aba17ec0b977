"""The max pooling kernels against the reference, bit for bit, over everything that they take."""

import itertools
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from convpool import functional as F  # noqa: N812
from convpool import kernels, reference
from convpool.arithmetic import output_shape
from convpool.dispatch import plan
from convpool.errors import ArgumentError
from convpool.kernels.layouts import WORTH_THREADS
from convpool.request import Request
from convpool.spec import AvgPool2dSpec, LayerSpec, MaxPool2dSpec
from tests.kernels.layouts import both_layouts, carry_out, channels_last, noise

Array = NDArray[Any]


def assert_equals_reference(spec: MaxPool2dSpec, images: Array) -> None:
    expected, expected_at = reference.max_pool2d_with_indices(spec, images)
    message = f"{spec} on {images.shape} of {images.dtype}, strides {images.strides}"
    ours = carry_out("max_pool2d", spec, images)
    values, indices = carry_out("max_pool2d_with_indices", spec, images)
    assert ours.dtype == values.dtype == expected.dtype
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(ours, expected, err_msg=message)
    np.testing.assert_array_equal(values, expected, err_msg=message)
    np.testing.assert_array_equal(indices, expected_at, err_msg=message)


WINDOWS = [(1, 1), (3, 1), (7, 1), (2, 2), (3, 2), (3, 3), (2, 4), (7, 4)]


@pytest.mark.parametrize(("taps", "step"), WINDOWS)
def test_windows_over_narrow_and_wide_images(taps: int, step: int) -> None:
    """Widths about one and several registers, so that rows are taken alone and together."""
    for width, padding, rows, stride in (
        (7, 0, 2, 2),
        (14, taps // 2, 3, 2),
        (17, 0, 3, 1),
        (70, taps // 2, 9, 5),
    ):
        spec = MaxPool2dSpec((rows, taps), (stride, step), (rows // 3, padding))
        assert_equals_reference(spec, noise((2, 3, 12, width)))


def test_planes_that_are_pooled_as_one() -> None:
    """Where windows tile the rows, as many planes as fit and as their count allows."""
    for count, height in ((1, 8), (3, 6), (6, 10), (64, 2)):
        for width in (4, 7, 8, 20, 40):
            assert_equals_reference(MaxPool2dSpec(2), noise((count, 2, height, width)))


@pytest.mark.parametrize("dtype", kernels.COMPARED)
@pytest.mark.parametrize("width", [9, 150])
def test_every_type(dtype: str, width: int) -> None:
    """Of integers, all that there are, the extremes at the edges, and ties everywhere."""
    images = noise((2, 5, 9, width), dtype)
    if images.dtype.kind in "iu":
        images[0, 0] = np.iinfo(dtype).min
        images[0, 1, :, ::2] = np.iinfo(dtype).max
    for same in both_layouts(images):
        assert_equals_reference(MaxPool2dSpec(3, 2, 1), same)
    assert_equals_reference(MaxPool2dSpec(3, 5, dilation=2, ceil_mode=True), images)
    assert_equals_reference(MaxPool2dSpec((9, width)), images)


SPECIAL = [np.nan, np.inf, -np.inf, -0.0, 6e-8]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("special", SPECIAL)
def test_special_values_anywhere(dtype: str, special: float) -> None:
    specs = (
        MaxPool2dSpec(2),
        MaxPool2dSpec(3, 2, 1),
        MaxPool2dSpec(2, 1, dilation=2),
        MaxPool2dSpec((5, 7)),
    )
    for spec, place in itertools.product(specs, itertools.product(range(5), range(0, 7, 2))):
        images = noise((1, 2, 5, 7), dtype)
        images[0, 0] *= special == special  # zeros beside it, or NaN beside NaN
        images[(0, 1, *place)] = special
        for same in both_layouts(images):
            assert_equals_reference(spec, same)
    for spec in specs:
        assert_equals_reference(spec, np.full((1, 2, 5, 7), special, dtype))


def test_every_half() -> None:
    """All numbers that float16 has, in pairs."""
    every = np.arange(1 << 16).astype(np.uint16).view(np.float16)
    pairs = np.stack([every, np.random.default_rng(0).permutation(every)], axis=1)
    assert_equals_reference(MaxPool2dSpec((1, 2), (1, 2)), pairs.reshape(1, 4, 64, 512))


SETTINGS = {
    "tall": (MaxPool2dSpec((9, 3), (5, 2), ((4, 0), (0, 1))), (40, 20)),
    "as large as the image": (MaxPool2dSpec((40, 50)), (40, 50)),
    "spp": (MaxPool2dSpec(13, 1, 6), (13, 13)),
    "wide": (MaxPool2dSpec((2, 30), 1, (0, 15)), (5, 90)),
    "far": (MaxPool2dSpec(3, 9), (20, 70)),
    "dilated": (MaxPool2dSpec(3, 1, 2, dilation=2), (11, 40)),
    "dilated and strided": (
        MaxPool2dSpec((3, 2), (2, 3), dilation=(1, 7), ceil_mode=True),
        (9, 50),
    ),
    "windows without a cell": (MaxPool2dSpec(2, 1, (3, 4), dilation=(6, 8)), (5, 7)),
    "ceil_mode": (MaxPool2dSpec(3, 2, 1, ceil_mode=True), (10, 30)),
    "many bands": (MaxPool2dSpec(2, (1, 2)), (60, 600)),
    "many bands of lines": (MaxPool2dSpec((1, 2), (1, 5)), (40, 1000)),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_every_setting(name: str, dtype: str) -> None:
    spec, plane = SETTINGS[name]
    images = noise((2, 3, *plane), dtype)
    for same in both_layouts(images):
        assert_equals_reference(spec, same)
    images[:, :, ::4, ::3] = np.nan
    for same in both_layouts(images):
        assert_equals_reference(spec, same)


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_random_settings(dtype: str) -> None:
    random = np.random.default_rng(0)
    for _ in range(150):
        kernel, stride = random.integers(1, 6, 2).tolist(), random.integers(3, 8, 2).tolist()
        dilation = random.integers(2, 4, 2).tolist()
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        padding = [random.integers(0, pixels // 2 + 1, 2).tolist() for pixels in reach]
        ceil_mode = bool(random.random() < 0.5)
        spec = MaxPool2dSpec(kernel, stride, padding, dilation, ceil_mode=ceil_mode)
        images = noise((2, int(random.integers(1, 40)), *random.integers(1, 40, 2)), dtype)
        try:
            output_shape(spec, images.shape)
        except ArgumentError:  # the window doesn't fit
            continue
        for same in both_layouts(images):
            assert_equals_reference(spec, same)


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (1, 1, 1, 1), (1, 5, 300, 2), (1, 1, 2, 3000)])
def test_unusual_shapes(shape: tuple[int, ...]) -> None:
    for same in both_layouts(noise(shape)):
        assert_equals_reference(MaxPool2dSpec(min(2, *shape[2:]), 1), same)


@pytest.mark.parametrize("channels", [1, 3, 16, 17, 40])
def test_any_number_of_channels_last(channels: int) -> None:
    assert_equals_reference(MaxPool2dSpec(3, 1, 1), channels_last(noise((2, channels, 6, 9))))


def test_images_laid_out_in_any_way() -> None:
    images = noise((4, 6, 20, 40))
    packed = np.zeros(images.nbytes + 1, np.uint8)
    misaligned = packed[1:].view(np.float32).reshape(images.shape)
    misaligned[...] = images
    for same in (
        np.asfortranarray(images),
        images.repeat(2, axis=3)[..., ::2],
        images[::-1, :, ::-1].copy()[::-1, :, ::-1],
        images.astype(">f4"),
        channels_last(images).astype(">f4"),
        misaligned,
    ):
        expected = reference.max_pool2d(MaxPool2dSpec(3), images)
        np.testing.assert_array_equal(carry_out("max_pool2d", MaxPool2dSpec(3), same), expected)


def test_outputs_are_laid_out_as_the_images_are() -> None:
    for images in both_layouts(noise((2, 6, 9, 11))):
        values, indices = carry_out("max_pool2d_with_indices", MaxPool2dSpec(3), images)
        alone = carry_out("max_pool2d", MaxPool2dSpec(3), images)
        for output in (values, indices, alone):
            assert output.flags.c_contiguous == images.flags.c_contiguous
            assert (
                output.transpose(0, 2, 3, 1).flags.c_contiguous
                == images.transpose(0, 2, 3, 1).flags.c_contiguous
            )


@pytest.mark.parametrize("dtype", ["float32", "float16", "bool"])
def test_out_is_written_and_returned(dtype: str) -> None:
    spec = MaxPool2dSpec(3, 2)
    for images in both_layouts(noise((2, 6, 9, 11), dtype)):
        expected = reference.max_pool2d(spec, images)
        wide = np.ones((*expected.shape[:3], 2 * expected.shape[3]), dtype)
        for out in (*both_layouts(np.ones_like(expected, order="C")), wide[..., ::2]):
            assert carry_out("max_pool2d", spec, images, out=out) is out
            np.testing.assert_array_equal(out, expected)
        assert wide[..., 1::2].all()


def test_bits_do_not_depend_on_batch_or_threads() -> None:
    images = noise((8, 16, 64, 64))
    assert images[:1].size >= WORTH_THREADS
    images[3, 5, 7, 9] = np.nan
    threads = numba.get_num_threads()
    for spec, same in itertools.product(
        (MaxPool2dSpec(3, 2, 1), MaxPool2dSpec(2), MaxPool2dSpec(9, 1, 4)), both_layouts(images)
    ):
        whole = carry_out("max_pool2d", spec, same)
        for count in range(1, threads + 1):
            numba.set_num_threads(count)
            alone = [carry_out("max_pool2d", spec, same[i : i + 1]) for i in range(8)]
            assert np.concatenate(alone).tobytes() == whole.tobytes()
            assert carry_out("max_pool2d", spec, same).tobytes() == whole.tobytes()
        numba.set_num_threads(threads)


REFUSED: dict[str, tuple[LayerSpec, tuple[int, int, int], str, str]] = {
    "large": (MaxPool2dSpec(2), (1, 2, 2**31), "float32", "planes of 4294967296 pixels"),
    "far": (MaxPool2dSpec(2, 2**40), (1, 8, 8), "float32", "stride (1099511627776, 10995116"),
    "integers": (AvgPool2dSpec(2), (3, 8, 8), "int64", "no kernel for int64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why_and_goes_to_the_reference(name: str) -> None:
    spec, shape, dtype, reason = REFUSED[name]
    operation = "avg_pool2d" if isinstance(spec, AvgPool2dSpec) else "max_pool2d"
    chosen = plan(operation, spec, shape, dtype)
    assert chosen.engine == "reference"
    assert reason in chosen.explain()


def test_an_operation_without_kernels_is_refused() -> None:
    request = Request("min_pool2d", MaxPool2dSpec(2), (3, 8, 8), "float32")
    assert kernels.refusal(request) == "no kernel for min_pool2d"


def test_the_function_runs_the_kernel() -> None:
    assert plan("max_pool2d", MaxPool2dSpec(3), (3, 32, 32), "float32").engine == "kernels"
    images = noise((2, 3, 32, 32))
    np.testing.assert_array_equal(
        F.max_pool2d(images, 3), reference.max_pool2d(MaxPool2dSpec(3), images)
    )
