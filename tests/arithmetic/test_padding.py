"""Which pixel padding repeats, against numpy.pad; strided SAME, against TensorFlow's formula."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from convpool.arithmetic import Window, output_shape, source_index, strided_same
from convpool.errors import ArgumentError
from convpool.spec import Conv2dSpec
from tests.drawing import DILATION, KERNEL, SIZE, STRIDE

NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@given(SIZE, st.integers(0, 20), st.integers(0, 20), st.sampled_from(sorted(NUMPY_MODES)))
def test_source_index_is_numpys(size: int, before: int, after: int, mode: str) -> None:
    limit = {"reflect": size - 1, "circular": size, "replicate": 99}[mode]
    before, after = min(before, limit), min(after, limit)
    padded = np.pad(np.arange(size), (before, after), NUMPY_MODES[mode])  # type: ignore[call-overload]
    sources = [source_index(position, size, mode) for position in range(-before, size + after)]
    assert sources == padded.tolist()


@given(SIZE, st.integers(-20, 40))
def test_zeros_repeat_no_pixel(size: int, position: int) -> None:
    expected = position if 0 <= position < size else None
    assert source_index(position, size, "zeros") == expected


@pytest.mark.parametrize("mode", ["reflect", "circular", "replicate"])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_as_much_padding_as_pytorch_fills(mode: str, size: int) -> None:
    for padding in range(8):
        layer = Conv2dSpec(1, 1, 1, padding=(0, padding), padding_mode=mode)
        try:
            torch.nn.functional.pad(torch.zeros(1, 1, size), (padding, padding), mode=mode)
        except RuntimeError:
            with pytest.raises(ArgumentError, match=rf"axis W .* the input has {size} pixels"):
                output_shape(layer, (1, 1, size))
        else:
            assert output_shape(layer, (1, 1, size)) == (1, 1, size + 2 * padding)


@given(st.integers(1, 300), KERNEL, STRIDE, DILATION)
def test_strided_same(size: int, kernel: int, stride: int, dilation: int) -> None:
    near, far = strided_same(size, kernel, stride, dilation)
    wanted = math.ceil(size / stride)
    assert Window(size, kernel, stride, near, far, dilation).output == wanted
    tensorflow = max((wanted - 1) * stride + dilation * (kernel - 1) + 1 - size, 0)
    assert near + far == tensorflow
    assert far - near in (0, 1)
    assert strided_same(size, kernel, stride, dilation, odd_first=True) == (far, near)


@given(KERNEL, DILATION)
def test_strided_same_of_stride_1_is_pytorchs_same(kernel: int, dilation: int) -> None:
    layer = Conv2dSpec(1, 1, (kernel, 1), padding="same", dilation=(dilation, 1))
    assert layer.pads[0] == strided_same(100, kernel, dilation=dilation)
