"""`out`: filled whatever its layout, and refused where filling it would be wrong."""

from typing import Any

import numpy as np
import pytest

from convpool.errors import ArgumentError, ArgumentTypeError, DtypeError
from tests.functional.calls import BASE, IMAGE, INDICES, POOLED, ours
from tests.functional.test_arrays import LAYOUTS
from tests.operators.settings import Array

FITTING = [layout for layout in LAYOUTS if layout not in ("unaligned", "swapped")]
NAMES = list(BASE)


@pytest.mark.parametrize("layout", FITTING)
@pytest.mark.parametrize("name", NAMES)
def test_it_is_filled_and_returned(name: str, layout: str) -> None:
    expected = ours(name)
    for images in (slice(None), 0, slice(0, 0)):
        changes = {
            key: BASE[name][key][images] for key in ("input", "indices") if key in BASE[name]
        }
        out = LAYOUTS[layout](np.full_like(expected[images], 77))
        assert ours(name, **changes, out=out) is out
        np.testing.assert_array_equal(out, expected[images])


def test_channels_last_within_a_larger_array() -> None:
    large = np.full((2, 3, 3, 6), 77, np.float32)
    out = large[..., 1:5].transpose(0, 3, 1, 2)
    ours("conv2d", out=out)
    np.testing.assert_array_equal(out, ours("conv2d"))
    assert (large[..., [0, 5]] == 77).all()


def read_only(array: Array) -> Array:
    array.flags.writeable = False
    return array


WRONG: list[tuple[str, type[Exception], Any]] = [
    ("out", ArgumentTypeError, lambda right: right.tolist()),
    ("out", ArgumentTypeError, np.ma.masked_array),
    ("shape of out", ArgumentError, lambda right: right[0]),
    ("shape of out", ArgumentError, lambda right: right[None]),
    ("shape of out", ArgumentError, lambda right: right[:1]),
    ("shape of out", ArgumentError, lambda right: right[..., :1].copy()),
    ("out", DtypeError, lambda right: right.astype("f8")),
    ("out", DtypeError, lambda right: right.astype("i4")),
    ("out", DtypeError, lambda right: right.astype(object)),
    ("out", DtypeError, LAYOUTS["swapped"]),
    ("out.flags.writeable", ArgumentError, read_only),
    ("out.flags.aligned", ArgumentError, LAYOUTS["unaligned"]),
]


@pytest.mark.parametrize(("argument", "kind", "spoil"), WRONG)
@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_filled(name: str, argument: str, kind: type[Exception], spoil: Any) -> None:
    right = ours(name)
    with pytest.raises(kind, match=f"^{argument} (is|has dtype) .* must (be|have) "):
        ours(name, out=spoil(right))


def test_indices_come_in_an_array_of_their_own() -> None:
    with pytest.raises(ArgumentTypeError, match=r"^out is .* must be left out with return_indices"):
        ours("max_pool2d", return_indices=True, out=np.empty((2, 2, 2, 2), np.float32))


OVERLAP = r"^memory of out is 'shared with an input', but must be its own"


def test_memory_of_the_inputs() -> None:
    """A layer that keeps the size could be asked to work in place; it isn't."""
    square = np.ones((1, 1, 3, 3), np.float32)
    with pytest.raises(ArgumentError, match=OVERLAP):
        ours("max_pool2d", input=square, kernel_size=1, out=square)
    with pytest.raises(ArgumentError, match=OVERLAP):
        ours("avg_pool2d", input=square[0], kernel_size=1, out=square[0])
    with pytest.raises(ArgumentError, match=OVERLAP):
        ours("conv2d", input=square * 2, weight=square, padding=1, out=square)
    bias = np.zeros(10, np.float32)
    with pytest.raises(ArgumentError, match=OVERLAP):
        ours(
            "conv2d",
            input=square * 2,
            weight=square,
            bias=bias[9:],
            padding=1,
            out=bias[1:].reshape(1, 1, 3, 3),
        )
    raw = np.zeros(INDICES.nbytes, np.uint8)
    indices = raw.view(np.int64).reshape(INDICES.shape)
    indices[...] = INDICES
    out = raw.view(np.float32).reshape(2, 2, 2, 4)
    with pytest.raises(ArgumentError, match=OVERLAP):
        ours("max_unpool2d", input=POOLED, indices=indices, kernel_size=(1, 2), out=out)


def test_memory_beside_that_of_the_inputs_is_fine() -> None:
    """Columns of one array in turn: no byte is shared, though the ranges of addresses are."""
    both = np.zeros((2, 2, 5, 10), np.float32)
    images, out = both[..., ::2], both[..., 1::2]
    images[...] = IMAGE
    ours("max_pool2d", input=images, kernel_size=3, stride=1, padding=1, out=out)
    np.testing.assert_array_equal(out, ours("max_pool2d", kernel_size=3, stride=1, padding=1))
    np.testing.assert_array_equal(images, IMAGE)


def test_a_refused_out_stays_as_it_was() -> None:
    out = np.full((2, 4, 3, 4), 77, np.float32)
    with pytest.raises(ArgumentError):
        ours("conv2d", out=out)
    assert (out == 77).all()
