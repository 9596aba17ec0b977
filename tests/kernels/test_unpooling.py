"""The unpooling kernels against the reference, bit for bit."""

import numba
import numpy as np
import pytest

from convpool import kernels, reference
from convpool.spec import MaxPool2dSpec, MaxUnpool2dSpec
from tests.kernels.layouts import both_layouts, carry_out, channels_last, noise

SPEC = MaxUnpool2dSpec(2)


@pytest.mark.parametrize("dtype", kernels.COMPARED)
def test_every_type(dtype: str) -> None:
    images = noise((2, 5, 8, 10), dtype)
    values, indices = reference.max_pool2d_with_indices(MaxPool2dSpec(2), images)
    expected = reference.max_unpool2d(SPEC, values, indices, (8, 10))
    for same in both_layouts(values):
        for places in both_layouts(indices):
            ours = carry_out("max_unpool2d", SPEC, same, places, (8, 10))
            assert ours.dtype == values.dtype
            assert ours.tobytes() == expected.tobytes()
            assert ours.flags.c_contiguous == same.flags.c_contiguous


def test_the_last_of_several_values_stays_whatever_the_threads() -> None:
    values = noise((16, 8, 30, 30))
    indices = np.random.default_rng(0).integers(0, 60 * 60, values.shape) // 50 * 50
    expected = reference.max_unpool2d(SPEC, values, indices, (60, 60))
    threads = numba.get_num_threads()
    for count in range(1, threads + 1):
        numba.set_num_threads(count)
        for same in both_layouts(values):
            ours = carry_out("max_unpool2d", SPEC, same, indices, (60, 60))
            np.testing.assert_array_equal(ours, expected)
    numba.set_num_threads(threads)


def test_out_is_written_and_returned() -> None:
    values = noise((2, 3, 4, 5))
    indices = np.broadcast_to(np.arange(20).reshape(4, 5) * 3, values.shape)
    expected = reference.max_unpool2d(SPEC, values, indices, (8, 10))
    for same in both_layouts(values):
        for out in both_layouts(np.ones((2, 3, 8, 10), np.float32)):
            assert carry_out("max_unpool2d", SPEC, same, indices, (8, 10), out=out) is out
            np.testing.assert_array_equal(out, expected)


def test_another_byte_order_and_no_images() -> None:
    values = noise((2, 3, 4, 5))
    indices = np.zeros(values.shape, np.int64)
    expected = reference.max_unpool2d(SPEC, values, indices, (8, 10))
    swapped = channels_last(values).astype(">f4")
    ours = carry_out("max_unpool2d", SPEC, swapped, indices.astype(">i8"), (8, 10))
    np.testing.assert_array_equal(ours, expected)
    empty = carry_out("max_unpool2d", SPEC, values[:0], indices[:0], (8, 10))
    assert empty.shape == (0, 3, 8, 10)
