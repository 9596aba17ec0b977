"""Wrong calls raise what PyTorch raises, or a subclass of it, and name the argument.

Where we refuse what PyTorch takes, or take what it refuses, the last two tests say so and why.
"""

from typing import Any

import numpy as np
import pytest
import torch

from convpool.errors import ArgumentError, ArgumentTypeError, ConvpoolError, DtypeError
from tests.functional.calls import BASE, IMAGE, INDICES, POOLED, as_array, ours, theirs

Wrong = tuple[str, dict[str, Any]]
"""What the message names, and the changes to a valid call."""

CONV, STAMP = BASE["conv2d"]["weight"], BASE["conv_transpose2d"]["weight"]
BIAS = np.ones(4, np.float32)

NO_NUMBERS: list[Any] = [1.5, "2", True, {}, (1, 1.0), [1, "a"], [True, 1], np.array([1, 2])]
NO_DIVISORS: list[Any] = [0, 1.5, "2", True, (1,), {}]
NO_SIZES: list[Any] = [4, "44", (4.0, 4.0), ("a", 4), {4, 5}, np.array([4, 4])]
RANKS: list[Wrong] = [("input", {"input": IMAGE[0, 0]}), ("input", {"input": IMAGE[None]})]
NO_ARRAYS: list[Wrong] = [("input", {"input": value}) for value in (None, [[[1.0]]], 3.0, "x")]


def numbers(argument: str, low: int) -> list[Wrong]:
    """What no argument with one number an axis takes."""
    bad = [*NO_NUMBERS, low - 1, -2, (low - 1, 1), (1, low - 1), (1, 2, 3)]
    return [(argument, {argument: value}) for value in bad]


CONVOLUTIONS: list[Wrong] = [
    *RANKS,
    *NO_ARRAYS,
    *numbers("stride", 1),
    *numbers("padding", 0),
    *numbers("dilation", 1),
    *[(name, {name: value}) for name in ("stride", "padding", "dilation") for value in (None, ())],
    *[("groups", {"groups": value}) for value in (0, -1, 3, 1.0, "1", True, None, (1,))],
    *[("bias", {"bias": b}) for b in (BIAS[:3], BIAS[:1], BIAS[None], BIAS.astype("f8"), [1.0])],
    ("input", {"input": IMAGE[:, :1]}),
    ("input", {"input": IMAGE[0, :1]}),
    ("input", {"input": IMAGE[:, :0]}),
    ("input", {"input": IMAGE[:, :, :0]}),
    ("input", {"input": IMAGE[..., :0]}),
    ("input", {"input": IMAGE[:, :, :0], "padding": 2}),
    ("weight", {"input": IMAGE.astype("i8")}),
    ("weight", {"input": IMAGE.astype("f8")}),
    ("input", {"input": IMAGE > 0, "weight": CONV > 0}),
    ("weight", {"weight": None}),
    ("weight", {"weight": [[[[1.0]]]]}),
]

WRONG: dict[str, list[Wrong]] = {
    "conv2d": [
        *CONVOLUTIONS,
        ("weight", {"weight": CONV[0]}),
        ("weight", {"weight": CONV[None]}),
        ("weight", {"weight": CONV[:0]}),
        ("weight", {"weight": CONV[:, :, :0]}),
        ("weight", {"weight": CONV[..., :0]}),
        ("weight", {"weight": CONV.astype("f8")}),
        ("weight", {"weight": CONV.astype("i4")}),
        ("input", {"groups": 2}),  # the weights then ask for 4 channels
        ("kernel_size", {"input": IMAGE[..., :2]}),
        ("kernel_size", {"input": IMAGE[:, :, :2]}),
        ("kernel_size", {"dilation": 3}),
        ("kernel_size", {"dilation": 2**61}),
        ("padding", {"padding": "full"}),
        ("padding", {"padding": "same", "stride": 2}),
        ("padding", {"padding": "same", "stride": (1, 2)}),
    ],
    "conv_transpose2d": [
        *CONVOLUTIONS,
        *numbers("output_padding", 0),
        ("weight", {"weight": STAMP[0]}),
        ("weight", {"weight": STAMP[None]}),
        ("weight", {"weight": STAMP[:0]}),
        ("weight", {"weight": STAMP[:, :0]}),
        ("weight", {"weight": STAMP[..., :0]}),
        ("input", {"weight": STAMP[:1]}),
        ("padding", {"padding": "same"}),
        ("padding", {"padding": 4}),  # crops away every pixel
        ("padding", {"padding": 2**40}),
        ("output_padding", {"output_padding": 1}),
        ("output_padding", {"output_padding": 2, "stride": 2}),
        ("output_padding", {"output_padding": (0, 2), "stride": 2, "dilation": 2}),
        ("output_padding", {"output_padding": (2, 0), "stride": (1, 9)}),
    ],
    "max_pool2d": [
        *RANKS,
        *NO_ARRAYS,
        *numbers("kernel_size", 1),
        *numbers("stride", 1),
        *numbers("padding", 0),
        *numbers("dilation", 1),
        *[("kernel_size", {"kernel_size": value}) for value in (None, ())],
        *[("ceil_mode", {"ceil_mode": value}) for value in (0, 1, None, "True", np.True_)],
        ("kernel_size", {"kernel_size": 6}),
        ("kernel_size", {"kernel_size": (1, 7), "stride": 1, "ceil_mode": True}),
        ("kernel_size", {"dilation": 5}),
        ("padding", {"padding": 2}),
        ("padding", {"kernel_size": 3, "padding": (1, 2)}),
        ("input", {"input": IMAGE[:, :0]}),
        ("input", {"input": IMAGE[:, :, :0]}),
        ("input", {"input": IMAGE[..., :0], "padding": 1}),
        ("input", {"input": IMAGE.astype("c8")}),
    ],
    "avg_pool2d": [
        RANKS[1],
        *NO_ARRAYS,
        *numbers("kernel_size", 1),
        *numbers("stride", 1),
        *numbers("padding", 0),
        *[("ceil_mode", {"ceil_mode": value}) for value in (0, 1, None, "True", np.True_)],
        *[("count_include_pad", {"count_include_pad": value}) for value in (0, 1, None, "False")],
        *[("divisor_override", {"divisor_override": v}) for v in NO_DIVISORS],
        ("kernel_size", {"kernel_size": 6}),
        ("padding", {"padding": 2}),
        ("padding", {"kernel_size": (3, 2), "padding": (2, 1)}),
        ("input", {"input": IMAGE[:, :0]}),
        ("input", {"input": IMAGE[..., :0]}),
        ("input", {"input": IMAGE.astype("u2")}),
        ("input", {"input": IMAGE > 0}),
        ("input", {"input": IMAGE.astype("c8")}),
    ],
    "max_unpool2d": [
        *RANKS,
        *[("kernel_size", {"kernel_size": value}) for value in (None, "2", 1.5, -1)],
        *[("stride", {"stride": value}) for value in ("2", 1.5, -1)],
        *[("padding", {"padding": value}) for value in (None, "2", 1.5, 5)],
        *[("indices", {"indices": INDICES.astype(t)}) for t in ("i4", "i2", "u1", "f4")],
        ("indices", {"indices": INDICES + 13}),
        ("indices", {"indices": INDICES - 1}),
        ("indices", {"indices": INDICES * 2**40}),
        ("indices", {"indices": INDICES[:, :, :1]}),
        ("indices", {"indices": INDICES[0]}),
        ("indices", {"indices": None}),
        ("indices", {"indices": INDICES.tolist()}),
        ("input", {"input": POOLED[..., :0], "indices": INDICES[..., :0]}),
        ("input", {"input": POOLED[:, :0], "indices": INDICES[:, :0]}),
        ("input", {"input": POOLED.astype("c8")}),
        *[("output_size", {"output_size": v}) for v in ((6, 4), (2, 4), (4, 6), (1, 2, 9, 4))],
        *[
            ("output_size", {"output_size": v})
            for v in ((4,), (), (1, 1, 1, 4, 4), (0, 0), (-1, 4))
        ],
        *[("output_size", {"output_size": v}) for v in NO_SIZES],
    ],
}


def torch_error(name: str, changes: dict[str, Any]) -> Exception:
    try:
        result = theirs(name, **changes)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the measure)
        return error
    pytest.fail(f"PyTorch takes it and returns {result}")


@pytest.mark.parametrize(
    ("name", "argument", "changes"),
    [
        pytest.param(name, *case, id=f"{name}-{case[0]}-{i}")
        for name, cases in WRONG.items()
        for i, case in enumerate(cases)
    ],
)
def test_wrong_call(name: str, argument: str, changes: dict[str, Any]) -> None:
    expected = torch_error(name, changes)
    with pytest.raises(ConvpoolError, match=argument) as caught:
        ours(name, **changes)
    assert isinstance(caught.value, type(expected)), expected
    assert "must " in str(caught.value)


STRICTER: list[tuple[str, str, dict[str, Any], type[ConvpoolError]]] = [
    # PyTorch answers with no channels at all where there are 4 filters.
    ("conv2d", "weight", {"input": IMAGE[:, :0], "weight": CONV[:, :0]}, ArgumentError),
    # Complex numbers: nobody asked for them yet.
    ("conv2d", "input", {"input": IMAGE.astype("c8"), "weight": CONV.astype("c8")}, DtypeError),
    # An empty stride means None to PyTorch's poolings; here None does.
    ("max_pool2d", "stride", {"stride": ()}, ArgumentError),
    ("avg_pool2d", "stride", {"stride": []}, ArgumentError),
    # PyTorch takes any truth value for this flag, though not for ceil_mode.
    *[("max_pool2d", "return_indices", {"return_indices": v}, ArgumentTypeError) for v in (0, 1)],
    # PyTorch's max_unpool2d checks next to nothing before it computes the output's size.
    ("max_unpool2d", "kernel_size", {"kernel_size": 0}, ArgumentError),
    ("max_unpool2d", "kernel_size", {"kernel_size": True}, ArgumentTypeError),
    ("max_unpool2d", "kernel_size", {"kernel_size": (2, 2, 2)}, ArgumentError),
    ("max_unpool2d", "stride", {"stride": 0}, ArgumentError),
    ("max_unpool2d", "stride", {"stride": (2, 2, 2)}, ArgumentError),
    ("max_unpool2d", "stride", {"stride": ()}, ArgumentError),
    ("max_unpool2d", "stride", {"stride": {}}, ArgumentTypeError),
    ("max_unpool2d", "padding", {"padding": -1}, ArgumentError),
    ("max_unpool2d", "padding", {"padding": True}, ArgumentTypeError),
    ("max_unpool2d", "padding", {"padding": (0, 2)}, ArgumentError),  # leaves no pixel
    ("max_unpool2d", "output_size", {"output_size": (True, 4)}, ArgumentTypeError),
    ("max_unpool2d", "output_size", {"output_size": (2**62, 4)}, ArgumentError),
    # PyTorch stumbles over its own code: AttributeError, IndexError.
    ("max_unpool2d", "input", {"input": None}, ArgumentTypeError),
    ("max_unpool2d", "input", {"input": [[[1.0]]]}, ArgumentTypeError),
    ("avg_pool2d", "input", {"input": IMAGE[0, 0]}, ArgumentError),
]


@pytest.mark.parametrize(("name", "argument", "changes", "kind"), STRICTER)
def test_refused_though_not_by_torch(
    name: str, argument: str, changes: dict[str, Any], kind: type[ConvpoolError]
) -> None:
    with pytest.raises(ConvpoolError, match=argument) as caught:
        ours(name, **changes)
    assert type(caught.value) is kind


LOOSER: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    # Numbers that PyTorch's 32 or 64 bits don't hold are as good as other large ones.
    ("conv2d", {"stride": 2**70}, {"stride": 9}),
    ("max_pool2d", {"stride": 2**62}, {"stride": 9}),
    ("avg_pool2d", {"stride": (2**70, 2**62)}, {"stride": 9}),
    # Every number and pair is written alike in all functions; PyTorch's max_unpool2d differs.
    ("max_unpool2d", {"kernel_size": np.int64(2)}, {"kernel_size": 2}),
    ("max_unpool2d", {"kernel_size": (2,)}, {"kernel_size": 2}),
    ("max_unpool2d", {"stride": np.array(2), "padding": (0,)}, {"stride": 2}),
    ("max_unpool2d", {"output_size": (2, 5, 5)}, {"output_size": (5, 5)}),
    # Comparing and copying works for every element type, averaging for every one with a sum.
    *[("max_pool2d", {"input": IMAGE.astype(t)}, {}) for t in ("u2", "u4", "u8")],
    ("max_pool2d", {"input": IMAGE % 7 == 0}, {"input": (IMAGE % 7 == 0).astype("u1")}),
    *[
        ("avg_pool2d", {"input": IMAGE.astype(t) // 9}, {"input": IMAGE.astype("i8") // 9})
        for t in ("i1", "i2", "i4", "u1")
    ],
    *[("max_unpool2d", {"input": POOLED.astype(t)}, {}) for t in ("i1", "i8", "u1", "u2", "?")],
    # Four sides. That half a window may be padding is meant of its reach, dilation included.
    ("avg_pool2d", {"padding": ((1, 1), (0, 0))}, {"padding": (1, 0)}),
    ("conv_transpose2d", {"padding": ((1, 1), (2, 2))}, {"padding": (1, 2)}),
    (
        "max_pool2d",
        {"padding": 2, "dilation": 3},
        {
            "input": np.pad(IMAGE, [(0, 0), (0, 0), (2, 2), (2, 2)], constant_values=-np.inf),
            "dilation": 3,
        },
    ),
]


@pytest.mark.parametrize(("name", "changes", "alike"), LOOSER)
def test_taken_though_not_by_torch(
    name: str, changes: dict[str, Any], alike: dict[str, Any]
) -> None:
    """It gives what PyTorch gives for a call that it takes and that means the same."""
    with pytest.raises((TypeError, ValueError, RuntimeError)):
        theirs(name, **changes)
    result, dtype = ours(name, **changes), (BASE[name] | changes)["input"].dtype
    assert result.dtype == dtype
    np.testing.assert_array_equal(result, as_array(theirs(name, **alike)).astype(dtype))


@pytest.mark.parametrize("argument", ["input", "weight", "bias"])
def test_no_tensors(argument: str) -> None:
    """Arrays are NumPy's or tensors: what is of the other kind is refused, not converted."""
    tensor = torch.ones({"input": (2, 2, 5, 5), "weight": (4, 2, 3, 3), "bias": (4,)}[argument])
    mistake = {"input": "weight is array.* must be a tensor"}
    expected = mistake.get(argument, f"{argument} is tensor.* must be a NumPy array")
    with pytest.raises(ArgumentTypeError, match=f"(?s)^{expected}"):
        ours("conv2d", **{argument: tensor})
