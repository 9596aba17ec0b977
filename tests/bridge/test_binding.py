"""Bound layers with tensors: weights, images, `out`, residuals."""

import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as theirs

from convpool import bind, bridge
from convpool.errors import ArgumentError, ArgumentTypeError, DtypeError

X = torch.randn(2, 3, 8, 8)
W, B = torch.randn(4, 3, 3, 3), torch.nn.Parameter(torch.randn(4))
LAYER = "Conv2d(3, 4, 3, padding=1)"
BOUND: Any = bind(LAYER, W, B, "relu")  # type: ignore[arg-type]
EXPECTED = theirs.relu(theirs.conv2d(X, W, B, padding=1)).detach()


def assert_close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_tensors_in_and_out() -> None:
    assert_close(BOUND(X), EXPECTED)
    assert_close(BOUND(X[0]), EXPECTED[0])
    assert_close(torch.from_numpy(BOUND(X.numpy())), EXPECTED)
    assert_close(pickle.loads(pickle.dumps(BOUND))(X), EXPECTED)


def test_bound_with_arrays() -> None:
    bound: Any = bind(LAYER, W.numpy(), B.detach().numpy(), "relu")
    assert_close(bound(X), EXPECTED)


def test_residual_and_channels_last() -> None:
    residual = torch.randn_like(EXPECTED)
    expected = theirs.relu(theirs.conv2d(X, W, B, padding=1) + residual).detach()
    assert_close(BOUND(X, residual=residual), expected)
    assert BOUND(X.to(memory_format=torch.channels_last)).stride()[1] == 1


def test_out_is_filled_and_known_to_have_changed() -> None:
    out = torch.empty_like(EXPECTED)
    version = out._version
    assert BOUND(X, out=out) is out
    assert out._version > version
    assert_close(out, EXPECTED)
    pooled = torch.empty(2, 3, 4, 4)
    pooling: Any = bind("MaxPool2d(2)")
    assert pooling(X, out=pooled) is pooled
    assert torch.equal(pooled, theirs.max_pool2d(X, 2))


def test_later_edits_change_nothing() -> None:
    weight = W.clone()
    bound: Any = bind(LAYER, weight, None)  # type: ignore[arg-type]
    before = bound(X)
    weight.zero_()
    assert torch.equal(bound(X), before)


def test_pooling() -> None:
    bound: Any = bind("MaxPool2d(2, return_indices=True)")
    values, indices = bound(X)
    expected = bridge.max_pool2d(X, 2, return_indices=True)
    assert torch.equal(values, expected[0])
    assert torch.equal(indices, expected[1])


WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "gradient": (
        lambda: BOUND(X.clone().requires_grad_()),
        ArgumentError,
        r"requires_grad of input is True, but must be False, or the call under torch.no_grad\(\)",
    ),
    "dtype": (lambda: BOUND(X.double()), DtypeError, "input has dtype float64"),
    "bfloat16": (
        lambda: BOUND(X.bfloat16()),
        DtypeError,
        "input has dtype torch.bfloat16, but must have one that NumPy has",
    ),
    "device": (
        lambda: BOUND(X.to("meta")),
        ArgumentError,
        "device of input is 'meta', but must be cpu",
    ),
    "weight": (
        lambda: bind(LAYER, W.to("meta")),  # type: ignore[arg-type]
        ArgumentError,
        "device of weight is 'meta', but must be cpu",
    ),
    "sparse": (lambda: BOUND(X.to_sparse()), ArgumentError, "layout of input is torch.sparse_coo"),
    "array as residual": (
        lambda: BOUND(X, residual=EXPECTED.numpy()),
        ArgumentTypeError,
        "residual is array.* must be a tensor",
    ),
    "tensor as out of an array": (
        lambda: BOUND(X.numpy(), out=torch.empty_like(EXPECTED)),
        ArgumentTypeError,
        "out is tensor.* must be a NumPy array",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_refused(name: str) -> None:
    call, kind, message = WRONG[name]
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_autocast_and_tangents_are_refused() -> None:
    with torch.autocast("cpu"), pytest.raises(ArgumentTypeError, match="outside of autocast"):
        BOUND(X)
    with pytest.raises(ArgumentTypeError, match="outside of autocast"):
        torch.func.jvp(BOUND, (X,), (X,))


def test_no_gradient_if_none_is_recorded() -> None:
    with torch.no_grad():
        assert_close(BOUND(X.clone().requires_grad_()), EXPECTED)
