"""The average pooling kernels against exact means."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from convpool import reference
from convpool.spec import AvgPool2dSpec
from tests.kernels.layouts import both_layouts, carry_out, noise

Array = NDArray[Any]

SETTINGS = {
    "halves": (AvgPool2dSpec(2), (8, 14)),
    "narrow": (AvgPool2dSpec(2), (8, 7)),
    "padding counts": (AvgPool2dSpec(3, 2, 1), (11, 40)),
    "padding doesn't": (AvgPool2dSpec(3, 2, 1, count_include_pad=False), (11, 40)),
    "narrow without padding": (AvgPool2dSpec(3, 1, 1, count_include_pad=False), (7, 7)),
    "ceil_mode": (AvgPool2dSpec(3, 2, 1, ceil_mode=True), (10, 31)),
    "a divisor": (AvgPool2dSpec(3, 1, 1, divisor_override=-2), (9, 20)),
    "global": (AvgPool2dSpec(7), (7, 7)),
    "large and global": (AvgPool2dSpec((30, 41)), (30, 41)),
    "global and padded": (AvgPool2dSpec(12, 9, (3, 2)), (8, 9)),
    "larger than the image": (AvgPool2dSpec(12, 9, (3, 2), False, False), (8, 9)),
    "large": (AvgPool2dSpec(13, 1, 6, count_include_pad=False), (13, 13)),
    "far apart": (AvgPool2dSpec((2, 3), (1, 6)), (9, 50)),
}
ROUNDING = {"float16": 2.0**-11, "float32": 2.0**-24, "float64": 2.0**-53}


def exact(spec: AvgPool2dSpec, images: Array) -> Array:
    """The means in more bits than the element type has."""
    wide = images.astype(np.float64)
    if images.dtype != np.float64:
        return reference.avg_pool2d(spec, wide)
    # Two halves of the bits are each added up without an error that counts.
    high = (wide * 2.0**20).round() / 2.0**20
    low: Array = reference.avg_pool2d(spec, wide - high)
    return reference.avg_pool2d(spec, high) + low


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("dtype", ROUNDING)
def test_means(name: str, dtype: str) -> None:
    """Within 2 units in the last place of the mean of the magnitudes; large windows too."""
    spec, plane = SETTINGS[name]
    images = noise((2, 21, *plane), dtype)
    expected, scale = exact(spec, images), np.abs(exact(spec, np.abs(images)))
    for same in both_layouts(images):
        ours = carry_out("avg_pool2d", spec, same)
        assert ours.dtype == dtype
        assert ours.shape == expected.shape
        error = np.abs(ours.astype(np.float64) - expected)
        assert (error <= 4 * ROUNDING[dtype] * scale).all(), name


@pytest.mark.parametrize("name", SETTINGS)
def test_no_less_accurate_than_pytorch(name: str) -> None:
    spec, plane = SETTINGS[name]
    images = noise((4, 150, *plane))
    theirs = torch.nn.functional.avg_pool2d(
        torch.from_numpy(images),
        spec.kernel_size,
        spec.stride,
        tuple(before for before, _ in spec.pads),
        spec.ceil_mode,
        spec.count_include_pad,
        spec.divisor_override,
    ).numpy()
    expected = exact(spec, images)
    ours = carry_out("avg_pool2d", spec, images)
    errors = [np.sqrt(np.mean((found - expected) ** 2)) for found in (ours, theirs)]
    assert errors[0] <= errors[1]


def test_every_half() -> None:
    """A window of one pixel returns each number that float16 has; pairs of equal ones do too."""
    every = np.arange(1 << 16).astype(np.uint16).view(np.float16).reshape(1, 1, 64, 1024)
    ours = carry_out("avg_pool2d", AvgPool2dSpec(1), every)
    numbers = ~np.isnan(every)
    np.testing.assert_array_equal(ours[numbers], every[numbers])  # -0.0 is 0.0
    assert np.isnan(ours[~numbers]).all()
    pairs = every[..., :1000].repeat(2, axis=3)
    np.testing.assert_array_equal(
        carry_out("avg_pool2d", AvgPool2dSpec((1, 2)), pairs), every[..., :1000]
    )


def test_halves_are_rounded_to_even() -> None:
    """All sums of neighbours, of which every other one lies between two numbers of float16."""
    bits = np.arange(0x7BFF, dtype=np.uint16)
    pairs = np.stack([bits, bits + 1], axis=1).view(np.float16).reshape(1, 1, 1, -1)
    with np.errstate(over="ignore"):
        expected = reference.avg_pool2d(AvgPool2dSpec((1, 2)), pairs)
    np.testing.assert_array_equal(carry_out("avg_pool2d", AvgPool2dSpec((1, 2)), pairs), expected)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ROUNDING)
def test_special_values_stay_under_their_windows(special: float, dtype: str) -> None:
    images = noise((1, 3, 9, 20), dtype)
    images[0, 1, 4, 4] = special
    spec = AvgPool2dSpec(3, 2, 1)
    expected = reference.avg_pool2d(spec, images)
    for same in both_layouts(images):
        ours = carry_out("avg_pool2d", spec, same)
        np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(expected))
        odd = ~np.isfinite(expected)
        np.testing.assert_array_equal(ours[odd], expected[odd])


def test_bits_do_not_depend_on_the_batch() -> None:
    for spec in (AvgPool2dSpec(2), AvgPool2dSpec(3, 1, 1), AvgPool2dSpec(9, 1, 4)):
        for images in both_layouts(noise((6, 4, 20, 24))):
            whole = carry_out("avg_pool2d", spec, images)
            alone = [carry_out("avg_pool2d", spec, images[i : i + 1]) for i in range(6)]
            assert np.concatenate(alone).tobytes() == whole.tobytes()


def test_out_is_written_and_returned() -> None:
    spec = AvgPool2dSpec(3, 2)
    for images in both_layouts(noise((2, 6, 9, 11))):
        expected = carry_out("avg_pool2d", spec, images)
        for out in both_layouts(np.full(expected.shape, np.nan, np.float32)):
            assert carry_out("avg_pool2d", spec, images, out=out) is out
            np.testing.assert_array_equal(out, expected)
