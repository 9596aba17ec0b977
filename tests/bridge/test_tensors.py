"""Layouts, element types, `out`, threads and forks: what tensors are and where they come from."""

import itertools
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as theirs

from convpool import bridge, functional
from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.functional.apply import pool
from convpool.threads import get_num_threads

LAST = torch.channels_last


def images(*shape: int, last: bool = False) -> Tensor:
    drawn = torch.randn(shape)
    return drawn.to(memory_format=LAST) if last else drawn


def is_last(tensor: Tensor) -> bool:
    return tensor.is_contiguous(memory_format=LAST) and not tensor.is_contiguous()


@pytest.mark.parametrize("wants", [False, True])
@pytest.mark.parametrize(("first", "second"), [*itertools.product([False, True], repeat=2)])
def test_channels_last_if_input_or_weight_is(first: bool, second: bool, wants: bool) -> None:
    x = images(2, 3, 6, 7, last=first).requires_grad_(wants)
    w = images(4, 3, 3, 2, last=second)
    found, expected = bridge.conv2d(x, w), theirs.conv2d(x, w)
    assert is_last(found) == (first or second) == is_last(expected)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [1, 5])
def test_strides_like_torch(channels: int, size: int) -> None:
    for last in (False, True):
        x, w = images(2, channels, size, size, last=last), images(4, channels, 1, 1)
        found, expected = bridge.conv2d(x, w), theirs.conv2d(x, w)
        assert found.stride() == expected.stride()
        assert bridge.max_pool2d(x, 1).stride() == theirs.max_pool2d(x, 1).stride()


@pytest.mark.parametrize("wants", [False, True])
def test_views(wants: bool) -> None:
    """Transposed, sliced, expanded and flipped memory, and single images."""
    w = images(4, 3, 3, 3)
    base = images(2, 3, 8, 9).requires_grad_(wants)
    for x in (
        base.transpose(2, 3),
        base[:, :, ::2, 1:],
        base[:1].expand(4, 3, 8, 9),
        base[0],
        base.to(memory_format=LAST)[:, :, 1:],
        base.to(memory_format=LAST)[0],
    ):
        torch.testing.assert_close(
            bridge.conv2d(x, w), theirs.conv2d(x, w), rtol=1e-5, atol=1e-5, check_stride=False
        )
        assert torch.equal(bridge.max_pool2d(x, 2), theirs.max_pool2d(x, 2))


def test_no_copies() -> None:
    """The result is the kernel's own memory, and the same bits as NumPy's."""
    x, w = images(2, 3, 8, 8), images(4, 3, 3, 3)
    output = bridge.conv2d(x, w)
    expected = functional.conv2d(x.numpy(), w.numpy())
    np.testing.assert_array_equal(output.numpy(), expected)
    taken: Any = functional.conv2d(x, w)  # type: ignore[arg-type]
    assert torch.equal(taken, output)


def test_lazily_negated() -> None:
    x = torch.randn(1, 1, 4, 4, dtype=torch.complex64).conj().imag
    assert x.is_neg()
    assert torch.equal(bridge.max_pool2d(x, 2), theirs.max_pool2d(x.clone(), 2))
    assert torch.equal(torch.ops.aten.neg(bridge.avg_pool2d(x, 1)), -x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.int64, torch.complex64])
def test_other_types_go_to_torch(dtype: torch.dtype) -> None:
    x, w = images(1, 2, 5, 5).mul(4).to(dtype), images(3, 2, 3, 3).mul(4).to(dtype)
    padding: Any = ((1, 0), (2, 1))
    expected = theirs.conv2d(theirs.pad(x, (2, 1, 1, 0)), w)
    assert torch.equal(bridge.conv2d(x, w, padding=padding), expected)
    if dtype.is_floating_point:
        wide = theirs.pad(x.double(), (1, 1, 1, 1), mode="reflect").to(dtype)
        found = bridge.conv2d(x, w, padding=1, padding_mode="reflect")
        assert torch.equal(found, theirs.conv2d(wide, w))
    up = images(2, 3, 2, 2).mul(4).to(dtype)
    cropped = theirs.conv_transpose2d(x, up, stride=2)[..., 1:, 2:-1]
    assert torch.equal(bridge.conv_transpose2d(x, up, stride=2, padding=padding), cropped)


def test_the_choice_is_explained() -> None:
    told = bridge.explain("Conv2d(2, 3, 3)", images(1, 2, 5, 5))
    assert told.endswith("chosen: kernels (plain loops)")
    told = bridge.explain("Conv2d(2, 3, 3)", torch.ones(1, 2, 5, 5, dtype=torch.int64))
    assert "refused: kernels (no kernel for int64 on cpu)\nchosen: PyTorch's own operator" in told
    with pytest.raises(ArgumentError, match="of 2 channels"):
        bridge.explain("Conv2d(2, 3, 3)", images(1, 3, 5, 5))


def test_bfloat16_pooling_goes_to_torch() -> None:
    x = images(1, 2, 5, 5).bfloat16().requires_grad_()
    pooled, indices = bridge.max_pool2d(x, 2, return_indices=True)
    expected, places = theirs.max_pool2d(x, 2, return_indices=True)
    assert torch.equal(pooled, expected)
    assert torch.equal(indices, places)
    assert torch.equal(bridge.avg_pool2d(x, 2), theirs.avg_pool2d(x, 2))
    assert torch.equal(
        bridge.max_unpool2d(pooled, indices, 2, output_size=(5, 5)),
        theirs.max_unpool2d(expected, places, (2, 2), output_size=(5, 5)),
    )
    with pytest.raises(ArgumentError, match="alike on both sides"):
        bridge.max_pool2d(x, 2, padding=((1, 0), (0, 0)))


def test_bfloat16_in_the_operator_is_computed_in_float32() -> None:
    x, w = images(1, 2, 5, 5), images(3, 2, 3, 3)
    layer = (1, 1), (0, 0, 0, 0), (1, 1), 1, "zeros", None
    found = torch.ops.convpool.conv2d(x.bfloat16(), w.bfloat16(), None, *layer)
    expected = bridge.conv2d(x.bfloat16().float(), w.bfloat16().float()).bfloat16()
    assert torch.equal(found, expected)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.bool, torch.float16])
def test_maxima_of_other_types(dtype: torch.dtype) -> None:
    x = images(1, 2, 4, 4).mul(3).to(dtype)
    found = bridge.max_pool2d(x, 2)
    assert found.dtype == dtype
    assert torch.equal(found.double(), theirs.max_pool2d(x.double(), 2))


def test_out() -> None:
    x, w = images(1, 2, 5, 5), images(3, 2, 3, 3)
    out = torch.empty(1, 3, 3, 3)
    version = out._version
    assert bridge.conv2d(x, w, out=out) is out
    assert out._version > version
    assert torch.equal(out, bridge.conv2d(x, w))
    pooled = bridge.max_pool2d(x, 2, out=torch.empty(1, 2, 2, 2))
    assert torch.equal(pooled, bridge.max_pool2d(x, 2))
    with pytest.raises(ArgumentError, match=r"shape of out is \(1, 3, 3, 2\)"):
        bridge.conv2d(x, w, out=torch.empty(1, 3, 3, 2))
    with pytest.raises(ArgumentTypeError, match="out is"):
        bridge.conv2d(x, w.requires_grad_(), out=out)
    with pytest.raises(ArgumentTypeError, match="out is 'here'"):
        bridge.avg_pool2d(x, 2, out="here")  # type: ignore[arg-type]


@pytest.mark.skipif(get_num_threads() < 2, reason="one core")
def test_torchs_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, original = [], pool

    def watched(*given: Any) -> Any:
        seen.append(get_num_threads())
        return original(*given)

    monkeypatch.setattr("convpool.bridge.functions.pool", watched)
    before = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            bridge.max_pool2d(images(1, 8, 16, 16), 2)  # no small one
    finally:
        torch.set_num_threads(before)
    assert seen == [1, 2]


LOADER = """
import torch
from convpool import nn

layer = nn.Conv2d(3, 8, 3, padding=1)

class Images(torch.utils.data.Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, index):
        with torch.no_grad():
            return layer(torch.full((1, 3, 64, 64), float(index)))[0]

images = Images()
expected = torch.stack([images[index] for index in range(8)])
layer(torch.randn(16, 3, 64, 64))  # with threads, before the fork
loader = torch.utils.data.DataLoader(
    images, batch_size=4, num_workers=2, multiprocessing_context="fork"
)
assert torch.equal(torch.cat(list(loader)), expected)
print("done")
"""


def test_workers_after_a_convolution_in_the_parent() -> None:
    """PyTorch's own convolution hangs there."""
    command = [sys.executable, "-W", "ignore", "-c", LOADER]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.stdout == "done\n", run.stderr
