"""Every operator and its gradients against PyTorch, over thousands of random settings."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from convpool import functional as F  # noqa: N812 (PyTorch's own abbreviation)
from convpool import reference
from convpool.errors import ArgumentError
from convpool.spec import MaxPool2dSpec
from tests.operators import settings
from tests.operators.settings import Setting

Array = NDArray[Any]

CHUNKS, CHUNK = 24, 100  # 2,400 settings an operator
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
chunks = pytest.mark.parametrize("chunk", range(CHUNKS))


@pytest.fixture(autouse=True, scope="module")
def one_torch_thread() -> Iterator[None]:
    """The arrays are tiny: PyTorch's threads would only wait for each other.

    Without oneDNN, whose float16 convolution in torch 2.13 crashes (segmentation fault) on images
    of one pixel with padding, on CPUs with AVX-512 FP16.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)
    torch.set_num_threads(threads)


def drawn(make: Callable[[int], Setting], chunk: int) -> Iterator[Setting]:
    return (make(seed) for seed in range(chunk * CHUNK, (chunk + 1) * CHUNK))


def tensors(setting: Setting) -> dict[str, torch.Tensor]:
    """The arrays as leaves of PyTorch's graph, where they are floats."""
    result = {}
    for name, array in setting.arrays.items():
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        result[name] = tensor.requires_grad_(tensor.is_floating_point())
    return result


def gradient_like(output: Array) -> Array:
    return np.random.default_rng(1).standard_normal(output.shape).astype(output.dtype)


TOLERANCE = {"float64": 1e-12, "float32": 2e-5, "float16": 2e-2}


def assert_close(ours: Array, theirs: torch.Tensor, setting: Setting) -> None:
    """Equal shape and dtype, and values within the rounding of PyTorch's own sums."""
    expected = theirs.detach().numpy()
    assert ours.dtype == expected.dtype, setting
    assert ours.shape == expected.shape, setting
    if ours.dtype.kind in "iub":
        np.testing.assert_array_equal(ours, expected, err_msg=str(setting))
        return
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    tolerance = TOLERANCE[str(ours.dtype)]
    np.testing.assert_allclose(
        ours, expected, rtol=tolerance, atol=tolerance * scale, err_msg=str(setting)
    )


def torch_conv2d(
    input: torch.Tensor, weight: torch.Tensor, bias: Any, *, padding_mode: str, **arguments: Any
) -> torch.Tensor:
    """PyTorch's module pads first where the mode isn't zeros; so does this."""
    if padding_mode == "zeros":
        return torch.nn.functional.conv2d(input, weight, bias, **arguments)
    padding, dilation = arguments.pop("padding"), settings.pair_of(arguments["dilation"])
    kernel = weight.shape[2:]
    if padding == "same":
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        sides = [(t // 2, t - t // 2) for t in totals]
    else:
        sides = [(p, p) for p in settings.pair_of(0 if padding == "valid" else padding)]
    padded = torch.nn.functional.pad(input, (*sides[1], *sides[0]), mode=padding_mode)
    return torch.nn.functional.conv2d(padded, weight, bias, **arguments)


@chunks
def test_conv2d(chunk: int) -> None:
    for setting in drawn(settings.conv2d_setting, chunk):
        arrays, arguments = setting.arrays, setting.arguments
        leaves = tensors(setting)
        expected = torch_conv2d(leaves["input"], leaves["weight"], leaves.get("bias"), **arguments)
        ours = F.conv2d(arrays["input"], arrays["weight"], arrays.get("bias"), **arguments)
        assert_close(ours, expected, setting)
        gradient = gradient_like(ours)
        backward(expected, gradient)
        by_input = F.conv2d_input(arrays["input"].shape, arrays["weight"], gradient, **arguments)
        by_weight = F.conv2d_weight(arrays["input"], arrays["weight"].shape, gradient, **arguments)
        assert_close(by_input, grad(leaves["input"]), setting)
        assert_close(by_weight, grad(leaves["weight"]), setting)


@chunks
def test_conv_transpose2d(chunk: int) -> None:
    for setting in drawn(settings.conv_transpose2d_setting, chunk):
        arrays, arguments = setting.arrays, setting.arguments
        leaves = tensors(setting)
        expected = torch.nn.functional.conv_transpose2d(
            leaves["input"], leaves["weight"], leaves.get("bias"), **arguments
        )
        ours = F.conv_transpose2d(
            arrays["input"], arrays["weight"], arrays.get("bias"), **arguments
        )
        assert_close(ours, expected, setting)
        gradient = gradient_like(ours)
        backward(expected, gradient)
        by_input = F.conv_transpose2d_input(
            arrays["input"].shape, arrays["weight"], gradient, **arguments
        )
        by_weight = F.conv_transpose2d_weight(
            arrays["input"], arrays["weight"].shape, gradient, **arguments
        )
        assert_close(by_input, grad(leaves["input"]), setting)
        assert_close(by_weight, grad(leaves["weight"]), setting)


@chunks
def test_max_pool2d(chunk: int) -> None:
    for setting in drawn(settings.max_pool2d_setting, chunk):
        image, arguments = setting.arrays["input"], setting.arguments
        leaf = tensors(setting)["input"]
        expected, expected_indices = torch.nn.functional.max_pool2d(
            leaf, **arguments, return_indices=True
        )
        ours, indices = F.max_pool2d(image, **arguments, return_indices=True)
        np.testing.assert_array_equal(ours, expected.detach().numpy(), err_msg=str(setting))
        np.testing.assert_array_equal(indices, expected_indices.numpy(), err_msg=str(setting))
        assert ours.dtype == image.dtype
        np.testing.assert_array_equal(F.max_pool2d(image, **arguments), ours)
        batch = image.reshape(-1, *image.shape[-3:])  # the reference, where a kernel took the call
        layer = MaxPool2dSpec(**arguments)
        for found, wanted in zip(
            reference.max_pool2d_with_indices(layer, batch),
            (expected.detach(), expected_indices),
            strict=True,
        ):
            np.testing.assert_array_equal(found.reshape(wanted.shape), wanted.numpy())
        if not leaf.requires_grad or has_empty_window(image, arguments):
            continue  # PyTorch writes the gradient of a window without a cell out of bounds
        gradient = gradient_like(ours)
        backward(expected, gradient)
        by_input = F.max_pool2d_backward(gradient, indices, image.shape, **arguments)
        assert_close(by_input, grad(leaf), setting)


@chunks
def test_max_unpool2d(chunk: int) -> None:
    for setting in drawn(settings.max_unpool2d_setting, chunk):
        values, indices = setting.arrays["input"], setting.arrays["indices"]
        leaf = torch.from_numpy(values).requires_grad_()
        try:
            expected = torch.nn.functional.max_unpool2d(
                leaf, torch.from_numpy(indices), **setting.arguments
            )
        except (ValueError, RuntimeError) as error:  # the size that was pooled is out of reach
            with pytest.raises(type(error)):
                F.max_unpool2d(values, indices, **setting.arguments)
            continue
        if expected.shape[-1] == 0 or expected.shape[-2] == 0:  # we refuse what leaves no pixel
            with pytest.raises(ArgumentError):
                F.max_unpool2d(values, indices, **setting.arguments)
            continue
        ours = F.max_unpool2d(values, indices, **setting.arguments)
        np.testing.assert_array_equal(ours, expected.detach().numpy(), err_msg=str(setting))
        gradient = gradient_like(ours)
        backward(expected, gradient)
        assert_close(F.max_unpool2d_backward(gradient, indices), grad(leaf), setting)


@chunks
def test_avg_pool2d(chunk: int) -> None:
    for setting in drawn(settings.avg_pool2d_setting, chunk):
        image, arguments = setting.arrays["input"], setting.arguments
        leaf = tensors(setting)["input"]
        expected = torch.nn.functional.avg_pool2d(leaf, **arguments)
        ours = F.avg_pool2d(image, **arguments)
        assert_close(ours, expected, setting)
        if leaf.requires_grad:
            gradient = gradient_like(ours)
            backward(expected, gradient)
            by_input = F.avg_pool2d_backward(gradient, image.shape, **arguments)
            assert_close(by_input, grad(leaf), setting)


def backward(output: torch.Tensor, gradient: Array) -> None:
    output.backward(torch.from_numpy(gradient))  # type: ignore[no-untyped-call]


def grad(leaf: torch.Tensor) -> torch.Tensor:
    assert leaf.grad is not None
    return leaf.grad


def has_empty_window(image: Array, arguments: dict[str, Any]) -> bool:
    """Whether some window's taps all miss the input, found by pooling an image of ones."""
    ones = torch.ones((1, *image.shape[-2:]))
    pooled = torch.nn.functional.max_pool2d(ones, **arguments)
    return bool((pooled != 1).any())
