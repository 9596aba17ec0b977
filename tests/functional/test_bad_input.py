"""Arrays that nothing can be made of, and odd ones that work all the same."""

from typing import Any

import numpy as np
import pytest

from convpool import functional as F  # noqa: N812
from convpool.errors import ArgumentError, ArgumentTypeError, DtypeError
from tests.functional.calls import BASE, IMAGE, as_array, ours, theirs

NAMES = list(BASE)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "dtype", [object, "c8", "c16", "U3", "S3", "M8[s]", "m8[s]", "V4", [("red", "f4")], "g"]
)
def test_no_numbers_of_ours(name: str, dtype: Any) -> None:
    shape = BASE[name]["input"].shape
    with pytest.raises(DtypeError, match=r"^input has dtype .* must have one of float16"):
        ours(name, input=np.zeros(shape, dtype))


@pytest.mark.parametrize("argument", ["weight", "bias"])
@pytest.mark.parametrize("dtype", [object, "c8", "U3", [("red", "f4")]])
def test_nor_in_the_other_arrays(argument: str, dtype: Any) -> None:
    shape = {"weight": (4, 2, 3, 3), "bias": (4,)}[argument]
    with pytest.raises(DtypeError, match=f"^{argument} has dtype .* the input's, float32"):
        ours("conv2d", **{argument: np.zeros(shape, dtype)})


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_would_be_ignored(name: str) -> None:
    for argument, value in BASE[name].items():
        if isinstance(value, np.ndarray):
            with pytest.raises(ArgumentTypeError, match=rf"(?s)^{argument} is .* without a mask"):
                ours(name, **{argument: np.ma.masked_array(value)})


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize(
    "shape", [(2**10, 2, 2**25, 2**25), (1, 2, 2**30, 2**30), (2**57, 2, 5, 5), (2, 2**30, 2**30)]
)
def test_more_numbers_than_an_array_holds(name: str, shape: tuple[int, ...]) -> None:
    """Views of one number repeated hold up to 2^63 bytes; so many of 8 bytes have no room."""
    huge = np.broadcast_to(np.int8(1), shape)
    with pytest.raises(ArgumentError, match=r"^(input|output of .*) is .* must be "):
        ours(name, input=huge)


def test_weights_of_more_numbers_than_an_array_holds() -> None:
    weight = np.broadcast_to(np.float32(1), (2**59, 2, 1, 1))
    with pytest.raises(ArgumentError, match=r"^(shape|output) of .* must be at most"):
        ours("conv2d", weight=weight)


def test_results_of_more_numbers_than_an_array_holds() -> None:
    for padding in (2**31, 2**62, 2**100):
        with pytest.raises(ArgumentError, match=r"^output of .* must be at most"):
            ours("conv2d", padding=padding)
    with pytest.raises(ArgumentError, match=r"^output of .* must be at most"):
        ours("conv_transpose2d", stride=2**40)


def test_results_that_no_machine_holds() -> None:
    """What an array could hold in principle is a MemoryError of NumPy's, not a crash."""
    with pytest.raises(MemoryError):
        ours("conv2d", padding=2**26)
    with pytest.raises(MemoryError):
        F.max_pool2d(np.broadcast_to(np.float32(1), (2**26, 64, 128, 128)), 2)


@pytest.mark.parametrize("name", ["conv2d", "max_pool2d", "avg_pool2d"])
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e-45, -1e-45, 3e38, -0.0])
def test_hard_numbers_are_of_pytorchs_class(name: str, value: float) -> None:
    """NaN where PyTorch has NaN, infinity where it has infinity, denormals where it has them."""
    images = IMAGE / 50
    images[0, 0, 2, 2] = value
    changes: dict[str, Any] = {"input": images}
    if name == "conv2d":
        changes["weight"] = np.full((4, 2, 3, 3), 2.0, np.float32)
    result, expected = ours(name, **changes), as_array(theirs(name, **changes))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_c_names_of_types(name: str) -> None:
    """long long is another type than long to NumPy, of the same size."""
    changes = {
        key: value.astype(np.longlong)
        for key, value in BASE[name].items()
        if isinstance(value, np.ndarray)
    }
    expected = ours(name, **{key: value.astype(np.int64) for key, value in changes.items()})
    np.testing.assert_array_equal(ours(name, **changes), expected)
