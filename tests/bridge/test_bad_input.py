"""What can't work is refused with one clear error, of PyTorch's class."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from convpool import bridge, nn
from convpool.errors import ArgumentError, ArgumentTypeError, DtypeError

X, W = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3)

WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "devices": (
        lambda: bridge.conv2d(X, W.to("meta")),
        ArgumentError,
        "device of weight is 'meta', but must be the first tensor's, cpu",
    ),
    "dtypes": (
        lambda: bridge.conv2d(X, W.double()),
        DtypeError,
        "weight has dtype .*float64, but must have the input's",
    ),
    "dtypes, with gradients": (
        lambda: bridge.conv2d(X, W.double().requires_grad_()),
        DtypeError,
        "weight has dtype float64, but must have the input's, float32",
    ),
    "dtypes that no kernel takes": (
        lambda: bridge.conv2d(X.bfloat16(), W),
        DtypeError,
        "weight has dtype torch.float32, but must have the input's, torch.bfloat16",
    ),
    "bytes for a layer of floats": (
        lambda: nn.Conv2d(2, 3, 3).eval()(X.byte()),
        DtypeError,
        "weight has dtype torch.float32, but must have the input's, torch.uint8",
    ),
    "a layer without memory": (
        lambda: nn.Conv2d(2, 3, 3, device="meta").eval()(X),
        ArgumentError,
        "device of weight is 'meta', but must be the first tensor's, cpu",
    ),
    "indices elsewhere": (
        lambda: bridge.max_unpool2d(X, X.long().to("meta"), 2),
        ArgumentError,
        "device of indices is 'meta', but must be the first tensor's, cpu",
    ),
    "nothing, among tensors": (
        lambda: bridge.conv2d(None, W),  # type: ignore[arg-type]
        ArgumentTypeError,
        r"input is None \(NoneType\), but must be a tensor",
    ),
    "nothing to pool, among tensors": (
        lambda: nn.MaxPool2d(2)(None),
        ArgumentTypeError,
        r"input is None \(NoneType\), but must be a tensor",
    ),
    "bias": (
        lambda: bridge.conv2d(X, W, torch.zeros(4)),
        ArgumentError,
        r"shape of bias is \(4,\), but must be \(3,\)",
    ),
    "sparse": (
        lambda: bridge.conv2d(X.to_sparse(), W),
        ArgumentError,
        "layout of input is torch.sparse_coo, but must be torch.strided",
    ),
    "sparse pooling": (
        lambda: bridge.max_pool2d(X.to_sparse(), 2),
        ArgumentError,
        "layout of input is torch.sparse_coo",
    ),
    "an array among tensors": (
        lambda: bridge.conv2d(X, W.numpy()),  # type: ignore[arg-type]
        ArgumentTypeError,
        "weight is array.* must be a tensor",
    ),
    "channels": (
        lambda: bridge.conv2d(X[:, :1], W.requires_grad_()),
        ArgumentError,
        "of 2 channels, not 1",
    ),
    "an index beyond the plane": (
        lambda: bridge.max_unpool2d(torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), 4), 2),
        ArgumentError,
        "indices is 4, but must be from 0 to 3",
    ),
    "an index in the backward": (
        lambda: torch.ops.convpool.max_pool2d_backward(
            torch.ones(1, 1, 1, 1),
            torch.full((1, 1, 1, 1), 99),
            (1, 1, 2, 2),
            *((2, 2), (2, 2), (0, 0, 0, 0), (1, 1), False),
        ),
        ArgumentError,
        "indices is 99, but must be from 0 to 3",
    ),
    "a negative index": (
        lambda: bridge.max_pool2d_backward(
            torch.ones(1, 1, 1), torch.full((1, 1, 1), -1), (1, 2, 2), 2
        ),
        ArgumentError,
        "indices is -1, but must be from 0 to 3",
    ),
    "an index beyond the plane, with gradients": (
        lambda: bridge.max_unpool2d(
            torch.ones(1, 1, 1, requires_grad=True), torch.full((1, 1, 1), 9), 2
        ),
        ArgumentError,
        "indices is 9, but must be from 0 to 3",
    ),
    "half-long indices": (
        lambda: bridge.max_pool2d_backward(
            torch.ones(1, 1, 1), torch.zeros(1, 1, 1, dtype=torch.int32), (1, 2, 2), 2
        ),
        DtypeError,
        "indices has dtype int32, but must have int64",
    ),
    "indices' type": (
        lambda: bridge.max_unpool2d(X, torch.ones(1, 2, 5, 5), 2),
        DtypeError,
        "indices has dtype float32, but must have int64",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_refused(name: str) -> None:
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("name", [name for name in WRONG if "among" not in name])
def test_caught_as_torchs(name: str) -> None:
    with pytest.raises(RuntimeError):
        WRONG[name][0]()


def test_integers_have_no_gradient() -> None:
    with pytest.raises(RuntimeError, match="only Tensors of floating point"):
        X.long().requires_grad_()
    pooled = bridge.max_pool2d(X.long(), 2)
    assert not pooled.requires_grad


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_quantized_tensors_go_to_torch() -> None:
    quantized = torch.quantize_per_tensor(X, 0.1, 0, torch.quint8)
    found = bridge.max_pool2d(quantized, 2)
    assert torch.equal(found.dequantize(), bridge.max_pool2d(quantized.dequantize(), 2))
    with pytest.raises(NotImplementedError):
        bridge.conv2d(quantized, W)


def test_tensors_of_mkldnn_go_to_torch() -> None:
    found = bridge.conv2d(X.to_mkldnn(), W)
    torch.testing.assert_close(found.to_dense(), bridge.conv2d(X, W), rtol=1e-4, atol=1e-4)


def test_a_mistake_in_the_backward_names_the_argument() -> None:
    x = X.clone().requires_grad_()
    with pytest.raises(ArgumentError, match="shape of grad_output"):
        bridge.conv2d_input(x.shape, W, torch.ones(1, 3, 2, 2))


def test_numpy_still_refuses_what_is_no_array() -> None:
    from convpool import functional

    with pytest.raises(ArgumentTypeError, match=r"input is .* must be a NumPy array"):
        functional.conv2d([[1.0]], np.ones((1, 1, 1, 1)))  # type: ignore[arg-type]
