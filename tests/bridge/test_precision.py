"""The argument `precision`: what is computed with it is what the context manager gives."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import convpool
from convpool import functional as typed_functional
from convpool import nn
from convpool.errors import ArgumentError
from convpool.functional.calls import forget
from convpool.precisions import get_precision, precision

WRONG = r"precision is 'exact', but must be 'fast' or 'strict'"
functional: Any = typed_functional  # whose types are those of arrays
SEED = torch.Generator().manual_seed(3)
CHANNELS, SIDE = 32, 24  # so that forward and backward take short convolutions, if they may


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=SEED)


X, W, B = random(4, CHANNELS, SIDE, SIDE), random(CHANNELS, CHANNELS, 3, 3), random(CHANNELS)
G = random(4, CHANNELS, SIDE, SIDE)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "conv2d": lambda *given, **named: functional.conv2d(*given, padding=1, **named),
    "conv_transpose2d": lambda *given, **named: functional.conv_transpose2d(
        *given, padding=1, **named
    ),
}


def gradients(function: Callable[..., Tensor], **named: Any) -> list[Tensor]:
    """The output, and the gradients by images, weights and bias."""
    given = [tensor.clone().requires_grad_() for tensor in (X, W, B)]
    output = function(*given, **named)
    return [output.detach(), *torch.autograd.grad(output, given, G)]


def equal(found: list[Tensor], expected: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.fixture(params=FUNCTIONS)
def function(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return FUNCTIONS[request.param]


def test_the_two_differ(function: Callable[..., Any]) -> None:
    """Else the other tests show nothing: output and gradient by input are in other bits."""
    fast, strict = gradients(function), gradients(function, precision="strict")
    assert not torch.equal(fast[0], strict[0])
    assert not torch.equal(fast[1], strict[1])


@pytest.mark.parametrize("mode", ["fast", "strict"])
def test_arrays(function: Callable[..., Any], mode: str) -> None:
    arrays = [tensor.numpy() for tensor in (X, W, B)]
    with precision(mode):
        expected = function(*arrays)
    other = "fast" if mode == "strict" else "strict"
    with precision(other):
        np.testing.assert_array_equal(function(*arrays, precision=mode), expected)
        out = np.empty_like(expected)
        assert function(*arrays, precision=mode, out=out) is out
        assert get_precision() == other
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("mode", ["fast", "strict"])
def test_tensors(function: Callable[..., Any], mode: str) -> None:
    with precision(mode):
        expected = function(X, W, B)
    with precision("fast" if mode == "strict" else "strict"):
        assert torch.equal(function(X, W, B, precision=mode), expected)


@pytest.mark.parametrize("mode", ["fast", "strict"])
def test_gradients(function: Callable[..., Any], mode: str) -> None:
    with precision(mode):
        expected = gradients(function)
    with precision("fast" if mode == "strict" else "strict"):
        assert equal(gradients(function, precision=mode), expected)


def test_gradients_of_gradients(function: Callable[..., Any]) -> None:
    """They go by the dispatcher's operators, which pass the precision on."""

    def second(**named: Any) -> list[Tensor]:
        given = [tensor.clone().requires_grad_() for tensor in (X, W, B)]
        output = function(*given, **named)
        first = torch.autograd.grad(output, given[:2], G, create_graph=True)
        return [*first, *torch.autograd.grad(first, given[:2], [given[0] * 2, given[1] * 3])]

    with precision("strict"):
        expected = [tensor.detach() for tensor in second()]
    assert equal([tensor.detach() for tensor in second(precision="strict")], expected)


def test_transforms(function: Callable[..., Any]) -> None:
    def loss(x: Tensor) -> Tensor:
        return (function(x, W, B, precision="strict") * G).sum()

    with precision("strict"):
        expected = gradients(function)[1]
        batch = function(X, W, B)
    assert torch.equal(torch.func.grad(loss)(X), expected)
    each = torch.func.vmap(lambda x: function(x, W, B, precision="strict"))
    assert torch.equal(each(X), batch)


def test_compiled(function: Callable[..., Any]) -> None:
    compiled = torch.compile(
        lambda *given: function(*given, precision="strict"), backend="aot_eager", fullgraph=True
    )
    with precision("strict"):
        expected = gradients(function)
    assert equal(gradients(compiled), expected)


def test_bound() -> None:
    layer, arrays = "Conv2d(32, 32, 3, padding=1)", (W.numpy(), B.numpy())
    bound = functional.bind(layer, *arrays, precision="strict")
    plain = functional.bind(layer, *arrays)
    with precision("strict"):
        expected = plain(X.numpy())
    np.testing.assert_array_equal(bound(X.numpy()), expected)
    np.testing.assert_array_equal(bound(X), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(bound))(X.numpy()), expected)
    assert not np.array_equal(plain(X.numpy()), expected)
    assert repr(bound).endswith("float32, precision='strict'>")
    with precision("strict"):
        np.testing.assert_array_equal(
            functional.bind(layer, *arrays, precision="fast")(X.numpy()), plain_fast(plain)
        )


def plain_fast(bound: Callable[..., Any]) -> Any:
    with precision("fast"):
        return bound(X.numpy())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["Conv2d", "ConvTranspose2d"])
def test_modules(kind: str, training: bool) -> None:
    layer = getattr(nn, kind)(CHANNELS, CHANNELS, 3, padding=1, precision="strict")
    plain = getattr(nn, kind)(CHANNELS, CHANNELS, 3, padding=1)
    plain.load_state_dict(layer.state_dict())
    for module in (layer, plain):
        module.train(training).requires_grad_(training)
    with precision("strict"):
        expected = plain(X)
    assert not torch.equal(plain(X), expected)
    for module in (layer, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(module(X), expected)
    assert repr(layer).endswith("precision='strict')")
    assert "precision" not in repr(plain)


def test_a_module_by_torch_skip_init() -> None:
    layer = torch.nn.utils.skip_init(nn.Conv2d, 3, 8, 3, precision="strict")
    assert layer.precision == "strict"


def test_accelerate() -> None:
    net = torch.nn.Sequential(
        torch.nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1), torch.nn.MaxPool2d(2)
    )
    lazy = torch.nn.Sequential(torch.nn.LazyConv2d(CHANNELS, 3, padding=1), torch.nn.MaxPool2d(2))
    convpool.accelerate(net)
    with precision("strict"):
        expected = net(X)
    convpool.restore(net)
    convpool.accelerate(net, precision="strict")
    convpool.accelerate(lazy, precision="strict")
    assert torch.equal(net(X), expected)
    lazy(X)
    lazy.load_state_dict(net.state_dict())
    assert torch.equal(lazy(X), expected)
    assert "precision" not in vars(next(convpool.restore(net).children()))


def test_wrong_names() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(CHANNELS, CHANNELS, 3))
    calls: list[Callable[[], object]] = [
        lambda: functional.conv2d(X.numpy(), W.numpy(), precision="exact"),
        lambda: functional.conv_transpose2d(X.numpy(), W.numpy(), precision="exact"),
        lambda: functional.conv2d(X, W, precision="exact"),
        lambda: functional.conv2d(X, W.clone().requires_grad_(), precision="exact"),
        lambda: functional.conv2d(X.bfloat16(), W.bfloat16(), precision="exact"),
        lambda: functional.conv_transpose2d(X, W, precision="exact"),
        lambda: functional.bind("Conv2d(32, 32, 3)", W.numpy(), precision="exact"),
        lambda: nn.Conv2d(3, 3, 3, precision="exact"),
        lambda: nn.ConvTranspose2d(3, 3, 3, precision="exact"),
        lambda: convpool.accelerate(net, precision="exact"),
    ]
    for call in calls:
        with pytest.raises(ArgumentError, match=WRONG):
            call()
    assert type(net[0]) is torch.nn.Conv2d
    with pytest.raises(ArgumentError, match="precision is 'strict', but must be left out"):
        functional.bind("MaxPool2d(2)", precision="strict")


def test_after_an_error_the_precision_is_that_of_before() -> None:
    forget()
    with pytest.raises(ArgumentError, match="input"):
        functional.conv2d(np.ones((1, 2, 4, 4)), np.ones((1, 1, 3, 3)), precision="strict")
    assert get_precision() == "fast"
