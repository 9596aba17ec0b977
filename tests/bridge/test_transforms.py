"""vmap, torch.func, autocast and modes: whoever wants to see the calls sees them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn import functional as theirs
from torch.utils.flop_counter import FlopCounterMode

from convpool import bridge, nn

INDICES = torch.tensor([[0, 5], [10, 15]]).expand(5, 2, 3, 2, 2).contiguous()
POOLED = torch.randn(5, 2, 3, 2, 2)
IMAGES, WEIGHTS = torch.randn(5, 2, 3, 6, 7), torch.randn(5, 4, 3, 3, 3)

MAPPED: dict[str, tuple[str, tuple[Any, ...], tuple[int | None, ...], dict[str, Any]]] = {
    "images": ("conv2d", (IMAGES, WEIGHTS[0]), (0, None), {"padding": 1}),
    "single images": ("conv2d", (IMAGES[:, 0], WEIGHTS[0]), (0, None), {}),
    "another axis": ("conv2d", (IMAGES.movedim(0, 3), WEIGHTS[0]), (3, None), {}),
    "weights": ("conv2d", (IMAGES[0], WEIGHTS), (None, 0), {}),
    "both": ("conv2d", (IMAGES, WEIGHTS), (0, 0), {"stride": 2}),
    "transposed": (
        "conv_transpose2d",
        (IMAGES, WEIGHTS[:, :3, :2].contiguous()),
        (0, 0),
        {"stride": 2},
    ),
    "max_pool2d": ("max_pool2d", (IMAGES,), (0,), {"kernel_size": 2, "ceil_mode": True}),
    "indices": ("max_pool2d", (IMAGES,), (0,), {"kernel_size": 2, "return_indices": True}),
    "avg_pool2d": ("avg_pool2d", (IMAGES,), (0,), {"kernel_size": 3, "stride": 2}),
    "max_unpool2d": ("max_unpool2d", (POOLED, INDICES), (0, 0), {"kernel_size": 2}),
    "unpool, one's indices": ("max_unpool2d", (POOLED, INDICES[0]), (0, None), {"kernel_size": 2}),
}


def assert_close(found: Any, expected: Any) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4, check_stride=False)


@pytest.mark.filterwarnings("ignore:There is a performance drop:UserWarning")
@pytest.mark.parametrize("name", MAPPED)
def test_vmap(name: str) -> None:
    function, given, dims, named = MAPPED[name]

    def mapped(room: Any) -> Any:
        return vmap(lambda *tensors: getattr(room, function)(*tensors, **named), dims)(*given)

    assert_close(mapped(bridge), mapped(theirs))


@pytest.mark.parametrize("room", [1, 2])
def test_gradients_of_each_sample(room: int) -> None:
    layers = torch.nn.Conv2d(3, 4, 3), torch.nn.ConvTranspose2d(4, 2, 2, stride=2)
    ours = nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(4, 2, 2, stride=2)
    parameters = [dict(layer.named_parameters()) for layer in layers]

    def loss(make: tuple[Any, ...], pool: Callable[..., Tensor]) -> Any:
        def of(given: Any, image: Tensor) -> Tensor:
            x = functional_call(make[0], given[0], (image,))
            x = functional_call(make[1], given[1], (pool(torch.tanh(x), 2),))
            return x.square().sum()

        return of

    found = vmap(grad(loss(ours, bridge.max_pool2d)), (None, 0))(parameters, IMAGES[:, 0])
    expected = vmap(grad(loss(layers, theirs.max_pool2d)), (None, 0))(parameters, IMAGES[:, 0])
    for one, other in zip(found, expected, strict=True):
        for key, value in one.items():
            assert_close(value, other[key])


def test_gradient_of_a_gradient() -> None:
    def twice(room: Any) -> Any:
        def energy(weight: Tensor, images: Tensor) -> Tensor:
            return room.avg_pool2d(room.conv2d(images, weight).tanh(), 2).square().sum()

        def penalty(images: Tensor) -> Tensor:
            return grad(energy)(WEIGHTS[0], images).square().sum()

        return grad(penalty)(IMAGES[0])

    assert_close(twice(bridge), twice(theirs))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(dtype: torch.dtype) -> None:
    ours, other = nn.Conv2d(3, 4, 3), torch.nn.Conv2d(3, 4, 3)
    ours.load_state_dict(other.state_dict())
    with torch.autocast("cpu", dtype=dtype):
        found, expected = ours(IMAGES[0]), other(IMAGES[0])
        pooled = nn.MaxPool2d(2)(IMAGES[0])
        direct = torch.ops.convpool.conv2d(
            IMAGES[0], ours.weight, ours.bias, (1, 1), (0, 0, 0, 0), (1, 1), 1, "zeros", None
        )
    assert found.dtype == expected.dtype == direct.dtype == dtype
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=2e-2)
    torch.testing.assert_close(direct, expected, rtol=2e-2, atol=2e-2)
    found.float().sum().backward()
    expected.float().sum().backward()
    assert ours.weight.grad is not None
    assert ours.weight.grad.dtype == torch.float32
    torch.testing.assert_close(ours.weight.grad, other.weight.grad, rtol=2e-2, atol=5e-1)


def test_modes_see_the_calls() -> None:
    seen = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append(str(func))
            return func(*args, **(kwargs or {}))

    with torch.no_grad():
        layer = nn.Conv2d(3, 4, 3).eval()
        layer(IMAGES[0])
        with Watch():
            layer(IMAGES[0])
    assert "convpool.conv2d.default" in seen
    with FlopCounterMode(display=False):
        layer(IMAGES[0])  # it knows no formula for the operator, and doesn't fail


def test_a_subclass_sees_the_calls() -> None:
    class Tagged(Tensor):
        pass

    output = bridge.max_pool2d(IMAGES[0].as_subclass(Tagged), 2)
    assert type(output) is Tagged
