"""Arrays as they come: one image or many, any layout, byte order and element type."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convpool import functional as F  # noqa: N812
from convpool.errors import ArgumentError
from convpool.functional.arrays import COMPARED, SUMMED
from tests.functional.calls import BASE, as_array, ours, theirs
from tests.operators import settings
from tests.operators.settings import Array, Draw, Setting

MAKERS: dict[str, Callable[[int], Setting]] = {
    name: getattr(settings, f"{name}_setting") for name in BASE
}


class Named(np.ndarray):
    """An array of somebody else's kind."""


def unaligned(array: Array) -> Array:
    """The same numbers, one byte beside where the machine likes them."""
    raw = np.zeros(array.nbytes + 1, np.uint8)[1:]
    result = raw.view(array.dtype).reshape(array.shape)
    result[...] = array
    return result


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "contiguous": lambda array: array.copy(),
    "fortran": lambda array: array.copy(order="F"),
    "every second": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "backwards": lambda array: np.flip(np.flip(array).copy()),
    "channels last": lambda array: np.moveaxis(np.moveaxis(array, 0, -1).copy(), -1, 0),
    "unaligned": unaligned,
    "swapped": lambda array: array.astype(array.dtype.newbyteorder()),
    "subclass": lambda array: array.copy().view(Named),
}


def called(name: str, arrays: dict[str, Array], arguments: dict[str, Any]) -> tuple[Array, ...]:
    """Call an operator and return all that it returns."""
    if name == "max_pool2d":
        arguments = {**arguments, "return_indices": True}
    result = getattr(F, name)(**arrays, **arguments)
    return result if isinstance(result, tuple) else (result,)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", MAKERS)
def test_layout(name: str, layout: str) -> None:
    """The values don't depend on it, and read-only arrays will do since none is written to."""
    for seed in range(30):
        setting = MAKERS[name](seed)
        plain = {key: np.ascontiguousarray(array) for key, array in setting.arrays.items()}
        laid = {
            key: array if key == "indices" and layout == "swapped" else LAYOUTS[layout](array)
            for key, array in plain.items()
        }
        before = {key: array.tobytes() for key, array in laid.items()}
        for array in laid.values():
            array.flags.writeable = False
        results = called(name, laid, setting.arguments)
        for result, expected in zip(results, called(name, plain, setting.arguments), strict=True):
            assert result.dtype == expected.dtype or layout == "swapped"
            assert result.flags.writeable
            assert not any(np.shares_memory(result, array) for array in laid.values())
            np.testing.assert_array_equal(result, expected, err_msg=str(setting))
        assert {key: array.tobytes() for key, array in laid.items()} == before


@pytest.mark.parametrize("name", MAKERS)
def test_one_image(name: str) -> None:
    """One image gives what it gives in a batch, without the batch's axis."""
    compared = 0
    for seed in range(60):
        setting = MAKERS[name](seed)
        arrays, arguments = setting.arrays, setting.arguments
        if arrays["input"].ndim == 3:
            continue
        try:
            batched = called(name, arrays, arguments)
        except ArgumentError:
            assert name == "max_unpool2d"  # the size that was pooled may be out of reach
            continue
        for row in range(len(arrays["input"])):
            single = {
                key: array[row] if key in ("input", "indices") else array
                for key, array in arrays.items()
            }
            for result, many in zip(called(name, single, arguments), batched, strict=True):
                assert result.ndim == 3
                np.testing.assert_array_equal(result, many[row], err_msg=str(setting))
                compared += 1
    assert compared > 50


@pytest.mark.parametrize("name", BASE)
def test_no_image(name: str) -> None:
    changes = {key: BASE[name][key][:0] for key in ("input", "indices") if key in BASE[name]}
    result = ours(name, **changes)
    assert result.shape == theirs(name, **changes).shape
    assert result.dtype == np.float32


def test_no_image_with_indices() -> None:
    values, indices = F.max_pool2d(np.zeros((0, 3, 4, 5)), 2, return_indices=True)
    assert values.shape == indices.shape == (0, 3, 2, 2)
    assert indices.dtype == np.int64


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for name in BASE for dtype in (COMPARED if name.startswith("max") else SUMMED)],
)
def test_dtype(name: str, dtype: str) -> None:
    """Small whole numbers are exact in every type, and the type stays."""
    draw = Draw(0)
    high = 1 if dtype == "bool" else 3
    changes = {
        key: draw.random.integers(0, high, array.shape, endpoint=True).astype(np.float64)
        for key, array in BASE[name].items()
        if isinstance(array, np.ndarray) and key != "indices"
    }
    expected = as_array(theirs(name, **changes))
    if name == "avg_pool2d" and np.dtype(dtype).kind != "f":
        expected = np.trunc(expected)
    result = ours(name, **{key: array.astype(dtype) for key, array in changes.items()})
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, expected.astype(dtype))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8"])
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_integers_wrap_around(name: str, dtype: str) -> None:
    """As in PyTorch; where it has no small integers, they are the last bits of the large ones."""
    draw, limits = Draw(1), np.iinfo(dtype)
    exceeded = False
    for _ in range(20):
        changes = {
            key: draw.random.integers(limits.min, limits.max, shape, dtype, endpoint=True)
            for key, shape in (
                ("input", (2, 2, 5, 5)),
                ("weight", BASE[name]["weight"].shape),
                ("bias", (4,)),
            )
        }
        result = ours(name, **changes, stride=2, padding=1)
        if name == "conv_transpose2d":
            changes = {key: array.astype(np.int64) for key, array in changes.items()}
        expected = as_array(theirs(name, **changes, stride=2, padding=1))
        assert result.dtype == dtype
        np.testing.assert_array_equal(result, expected.astype(dtype))
        wide = {key: array.astype(np.float64) for key, array in changes.items()}
        exceeded |= bool((ours(name, **wide, stride=2, padding=1) > limits.max).any())
    assert exceeded


@pytest.mark.parametrize("divisor", [None, 3, -3])
def test_integer_means_round_towards_zero(divisor: int | None) -> None:
    image = Draw(2).random.integers(-50, 50, (1, 3, 9, 9))
    result = ours("avg_pool2d", input=image, stride=1, divisor_override=divisor)
    expected = theirs("avg_pool2d", input=image, stride=1, divisor_override=divisor)
    np.testing.assert_array_equal(result, as_array(expected))
    assert (result < 0).any()
    assert (result > 0).any()


def test_infinities_and_nan_pass_without_warnings() -> None:
    image = np.array([[[np.inf, -np.inf, np.nan, 1e38]]], np.float32)
    output = F.conv2d(image, np.full((1, 1, 1, 1), 1e38, np.float32))
    np.testing.assert_array_equal(output, [[[np.inf, -np.inf, np.nan, np.inf]]])
    np.testing.assert_array_equal(F.avg_pool2d(image, (1, 2)), [[[np.nan, np.nan]]])
    np.testing.assert_array_equal(F.max_pool2d(image, (1, 2)), [[[np.inf, np.nan]]])
