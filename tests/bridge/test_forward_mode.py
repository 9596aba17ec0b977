"""Derivatives in forward mode: tangents, alone, over each other and over gradients."""

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacfwd, jvp, vmap
from torch.nn import functional as theirs

from convpool import bridge, nn

# PyTorch makes its own formulas by that when the first of them is asked for.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")

Setting = tuple[list[Tensor], int, dict[str, Any]]
"""The tensors, how many of them may have a tangent, and the other arguments."""


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def distinct(*shape: int) -> Tensor:
    return torch.randperm(int(torch.tensor(shape).prod())).reshape(shape).double() / 7


def pair(draw: random.Random, *choices: int) -> tuple[int, int]:
    return draw.choice(choices), draw.choice(choices)


def images(draw: random.Random, channels: int) -> tuple[int, ...]:
    shape = channels, draw.randint(4, 6), draw.randint(4, 6)
    return draw.choice([shape, (2, *shape)])


def convolution(draw: random.Random) -> Setting:
    groups = draw.choice([1, 2])
    tensors = normal(*images(draw, 2)), normal(4, 2 // groups, *pair(draw, 1, 2)), normal(4)
    named = {"stride": pair(draw, 1, 2), "padding": pair(draw, 0, 1), "dilation": pair(draw, 1, 2)}
    count = draw.choice([2, 3])
    return list(tensors[:count]), count, {"groups": groups, **named}


def transposed(draw: random.Random) -> Setting:
    groups = draw.choice([1, 2])
    x = normal(*images(draw, 2))[..., :3, :3]
    tensors = x, normal(2, 2, *pair(draw, 1, 2)), normal(2 * groups)
    named = {"stride": pair(draw, 1, 2), "dilation": pair(draw, 1, 2)}
    count = draw.choice([2, 3])
    return list(tensors[:count]), count, {"groups": groups, **named}


def maximum(draw: random.Random) -> Setting:
    kernel = pair(draw, 2, 3)
    named = {"stride": pair(draw, 1, 2), "padding": pair(draw, 0, 1), "dilation": pair(draw, 1, 2)}
    return [distinct(*images(draw, 2))], 1, {"kernel_size": kernel, "ceil_mode": True, **named}


def mean(draw: random.Random) -> Setting:
    named = {"kernel_size": pair(draw, 2, 3), "stride": pair(draw, 1, 2), "padding": 1}
    return [normal(*images(draw, 2))], 1, {"count_include_pad": draw.choice([True, False]), **named}


def unpooling(draw: random.Random) -> Setting:
    shape = images(draw, 2)
    values, indices = theirs.max_pool2d(distinct(*shape), 2, return_indices=True)
    return [values, indices], 1, {"kernel_size": 2, "output_size": shape[-2:]}


SETTINGS: dict[str, Callable[[random.Random], Setting]] = {
    "conv2d": convolution,
    "conv_transpose2d": transposed,
    "max_pool2d": maximum,
    "avg_pool2d": mean,
    "max_unpool2d": unpooling,
}

Function = Callable[..., Tensor]
Tensors = tuple[Tensor, ...]


def one_tangent(function: Function, given: Tensors, tangents: Tensors) -> Any:
    return jvp(function, given, tangents)


def tangent_of_a_tangent(function: Function, given: Tensors, tangents: Tensors) -> Any:
    def inner(*tensors: Tensor) -> Any:
        return jvp(lambda *inmost: function(*inmost).sin(), tensors, tangents)[1]

    return jvp(inner, given, tangents)


def many_tangents(function: Function, given: Tensors, tangents: Tensors) -> Any:
    batches = tuple(torch.stack([tensor, 2 * tensor - 1]) for tensor in tangents)
    return vmap(lambda *batch: jvp(function, given, batch)[1])(*batches)


def jacobian(function: Function, given: Tensors, _: Tensors) -> Any:
    return jacfwd(function, tuple(range(len(given))))(*given)


def second_derivatives(function: Function, given: Tensors, _: Tensors) -> Any:
    def cubed(*tensors: Tensor) -> Tensor:
        return (function(*tensors) ** 3).sum()

    return hessian(cubed, tuple(range(len(given))))(*given)


def dual_tensors_with_a_gradient(function: Function, given: Tensors, tangents: Tensors) -> Any:
    leaves = tuple(tensor.clone().requires_grad_() for tensor in given)
    with forward_ad.dual_level():
        duals = map(forward_ad.make_dual, leaves, tangents)
        value, tangent = forward_ad.unpack_dual(function(*duals))
        assert tangent is not None
        return tangent, torch.autograd.grad((tangent.sin() * value).sum(), leaves)


WAYS = (
    one_tangent,
    tangent_of_a_tangent,
    many_tangents,
    jacobian,
    second_derivatives,
    dual_tensors_with_a_gradient,
)


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")  # in PyTorch's own
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SETTINGS)
def test_as_torchs(name: str, way: Callable[..., Any]) -> None:
    torch.manual_seed(3)
    draw = random.Random(f"{name} {way.__name__}")
    for _ in range(3):
        check(name, way, draw)


def check(name: str, way: Callable[..., Any], draw: random.Random) -> None:
    tensors, most, named = SETTINGS[name](draw)
    places = sorted(draw.sample(range(most), draw.randint(1, most)))
    given = tuple(tensors[place] for place in places)
    tangents = tuple(map(torch.randn_like, given))

    def derived(room: Any) -> Any:
        def function(*varied: Tensor) -> Any:
            every = list(tensors)
            for place, tensor in zip(places, varied, strict=True):
                every[place] = tensor
            return getattr(room, name)(*every, **named)

        return way(function, given, tangents)

    torch.testing.assert_close(
        derived(bridge), derived(theirs), rtol=1e-9, atol=1e-9, check_stride=False
    )


def test_indices_have_no_tangent() -> None:
    x = distinct(1, 2, 4, 4)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x, torch.ones_like(x))
        values, indices = bridge.max_pool2d(dual, 2, return_indices=True)
        assert torch.equal(forward_ad.unpack_dual(values).tangent, torch.ones_like(values))
        assert forward_ad.unpack_dual(indices).tangent is None


@pytest.mark.parametrize("records", [False, True])
def test_layers_with_packed_weights_let_tangents_through(records: bool) -> None:
    layer = nn.Conv2d(2, 3, 3).eval()
    x, tangent = torch.randn(1, 2, 5, 5), torch.randn(1, 2, 5, 5)
    with torch.set_grad_enabled(records), forward_ad.dual_level():
        layer(x)
        found = forward_ad.unpack_dual(layer(forward_ad.make_dual(x, tangent))).tangent
    expected = theirs.conv2d(tangent, layer.weight)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_operators_called_by_themselves() -> None:
    """`torch.library.register_autograd` would drop the tangent."""
    x, w, tangent = normal(1, 2, 5, 5), normal(3, 2, 3, 3), normal(1, 2, 5, 5)
    numbers = (1, 1), (0, 0, 0, 0), (1, 1), 1, "zeros", None
    with forward_ad.dual_level():
        output = torch.ops.convpool.conv2d(forward_ad.make_dual(x, tangent), w, None, *numbers)
        found = forward_ad.unpack_dual(output).tangent
    torch.testing.assert_close(found, theirs.conv2d(tangent, w))


def energy(images: Tensor) -> Tensor:
    return bridge.conv2d(images, W).sin().sum()


W = torch.randn(3, 2, 3, 3)
COMPILED: dict[str, Callable[[Tensor], Any]] = {
    "jvp of grad": lambda images: jvp(grad(energy), (images,), (images.cos(),)),
    "jvp": lambda images: jvp(lambda x: bridge.conv2d(x, W), (images,), (images.cos(),)),
    "grad": grad(energy),
    "grad of grad": grad(lambda images: grad(energy)(images).sin().sum()),
    "vmap of grad": lambda images: vmap(grad(energy))(images.expand(2, -1, -1, -1)),
}


@pytest.mark.parametrize("name", COMPILED)
def test_transforms_that_torch_compile_follows(name: str) -> None:
    images = torch.randn(1, 2, 5, 5)
    compiled = torch.compile(COMPILED[name], backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), COMPILED[name](images), rtol=1e-5, atol=1e-5)
