"""Bound layers: what they compute, what they keep, and what they refuse."""

import pickle
import threading
from collections.abc import Hashable
from typing import Any

import numpy as np
import pytest
import torch

import convpool
from convpool import dispatch
from convpool import functional as F  # noqa: N812
from convpool.dispatch import ENGINES, Engine
from convpool.errors import ArgumentError, ArgumentTypeError, DtypeError
from convpool.functional.binding import BoundConvolution
from convpool.functional.calls import forget
from convpool.notation import parse_layer
from convpool.request import NO_ACTIVATION, Request
from convpool.spec import Activation, Conv2dSpec, ConvolutionSpec
from tests.operators.settings import Array

RANDOM = np.random.default_rng(7)
LAYERS = [
    "Conv2d(3, 4, 3, padding=1)",
    "Conv2d(4, 6, (1, 3), stride=2, groups=2, bias=False)",
    "Conv2d(3, 2, 3, padding=2, padding_mode='circular')",
    "ConvTranspose2d(3, 4, 3, stride=2, output_padding=1)",
]
ACTIVATIONS: list[tuple[str | None, Any]] = [
    (None, lambda x: x),
    ("relu", torch.nn.functional.relu),
    ("ReLU6()", torch.nn.functional.relu6),
    ("leaky_relu", torch.nn.functional.leaky_relu),
]


def arrays(text: str, dtype: str = "float64") -> tuple[Array, Array, Array | None]:
    """Images, weight and bias for a layer."""
    layer = parse_layer(text)
    assert isinstance(layer, ConvolutionSpec)
    images = RANDOM.standard_normal((2, layer.in_channels, 7, 8)).astype(dtype)
    weight = RANDOM.standard_normal(layer.weight_shape).astype(dtype)
    bias = RANDOM.standard_normal(layer.out_channels).astype(dtype) if layer.bias else None
    return images, weight, bias


def by_torch(text: str, weight: Array, bias: Array | None) -> torch.nn.Module:
    module: torch.nn.Module = eval(f"torch.nn.{text}", {"torch": torch}).double()
    parameters = {"weight": torch.from_numpy(weight)}
    if bias is not None:
        parameters["bias"] = torch.from_numpy(bias)
    module.load_state_dict(parameters)
    return module


@pytest.mark.parametrize(("activation", "theirs"), ACTIVATIONS)
@pytest.mark.parametrize("text", LAYERS)
def test_a_bound_layer_computes_what_pytorchs_module_does(
    text: str, activation: str | None, theirs: Any
) -> None:
    images, weight, bias = arrays(text)
    bound, module = convpool.bind(text, weight, bias, activation), by_torch(text, weight, bias)
    with torch.no_grad():
        plain = module(torch.from_numpy(images))
    np.testing.assert_allclose(bound(images), theirs(plain).numpy(), rtol=1e-12, atol=1e-12)
    residual = RANDOM.standard_normal(tuple(plain.shape))
    expected = theirs(plain + torch.from_numpy(residual)).numpy()
    result = bound(images, residual=residual)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
    single = bound(images[1], residual=residual[1])
    np.testing.assert_array_equal(single, result[1])
    out = np.empty_like(result)
    assert bound(images, out=out, residual=residual) is out
    np.testing.assert_array_equal(out, result)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "uint8"])
def test_every_type_of_the_functions(dtype: str) -> None:
    images, weight, bias = arrays(LAYERS[0], dtype)
    bound = convpool.bind(LAYERS[0], weight, bias)
    expected = F.conv2d(images, weight, bias, padding=1)
    np.testing.assert_array_equal(bound(images), expected)
    swapped = images.astype(images.dtype.newbyteorder())
    np.testing.assert_array_equal(bound(swapped), expected)
    clamped = convpool.bind(LAYERS[0], weight, bias, "relu6")(images)
    assert clamped.dtype == dtype
    np.testing.assert_array_equal(clamped, np.clip(expected, 0, 6))
    assert bound(images[:0]).shape == (0, *expected.shape[1:])


@pytest.mark.parametrize("text", ["MaxPool2d(2)", "AvgPool2d(3, 1, 1)"])
def test_pooling_layers(text: str) -> None:
    images = RANDOM.standard_normal((2, 3, 7, 8))
    bound = convpool.bind(text)
    expected = F.apply(parse_layer(text), images)
    np.testing.assert_array_equal(bound(images), expected)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(bound))(images[0]), expected[0])
    out = np.empty_like(expected)
    assert bound(images, out=out) is out
    np.testing.assert_array_equal(out, expected)
    assert repr(bound) == f"<bound {parse_layer(text)}>"
    with pytest.raises(ArgumentError, match=r"^residual is .* must be left out"):
        bound(images, residual=expected)


def test_a_pooling_layer_with_indices() -> None:
    images = RANDOM.standard_normal((2, 3, 7, 8))
    values, indices = convpool.bind("MaxPool2d(2, return_indices=True)")(images)
    expected = F.max_pool2d(images, 2, return_indices=True)
    np.testing.assert_array_equal(values, expected[0])
    np.testing.assert_array_equal(indices, expected[1])


def test_later_edits_of_the_arrays_change_nothing() -> None:
    images, weight, bias = arrays(LAYERS[0])
    assert bias is not None
    bound = convpool.bind(LAYERS[0], weight, bias)
    before = F.conv2d(images, weight, bias, padding=1)
    weight[...], bias[...] = 0, 0
    np.testing.assert_array_equal(bound(images), before)
    weight[...], bias[...] = 1, 1
    np.testing.assert_array_equal(bound(images[:, :, :5]), bound(images[:, :, :5].copy()))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(bound))(images), before)


def test_the_repr_says_what_is_bound() -> None:
    weight = np.ones((1, 1, 3, 3), "f4")
    text = "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1))"
    assert repr(convpool.bind(text, weight)) == f"<bound {text}, float32>"
    assert repr(convpool.bind(text, weight, activation="relu")) == (
        f"<bound {text}, float32, Activation(slope=0.0, ceiling=inf)>"
    )


WEIGHT = np.ones((4, 3, 3, 3), np.float32)
IMAGES = np.ones((2, 3, 7, 8), np.float32)
WRONG: list[tuple[str, type[Exception], dict[str, Any]]] = [
    ("layer", ArgumentTypeError, {"layer": 3}),
    ("layer", ArgumentTypeError, {"layer": None}),
    ("layer", ArgumentTypeError, {"layer": "MaxUnpool2d(2)", "weight": None}),
    ("layer", ArgumentError, {"layer": "Conv3d(3, 4, 3)"}),
    ("weight", ArgumentError, {"layer": "MaxPool2d(2)"}),
    ("activation", ArgumentError, {"layer": "AvgPool2d(2)", "weight": None, "activation": "relu"}),
    ("weight", ArgumentTypeError, {"weight": None}),
    ("weight", ArgumentTypeError, {"weight": WEIGHT.tolist()}),
    ("shape of weight", ArgumentError, {"weight": WEIGHT[:2]}),
    ("weight", DtypeError, {"weight": WEIGHT.astype("c8")}),
    ("weight", DtypeError, {"weight": WEIGHT.astype(object)}),
    ("shape of bias", ArgumentError, {"bias": np.ones(3, np.float32)}),
    ("bias", DtypeError, {"bias": np.ones(4)}),
    ("bias", ArgumentError, {"layer": "Conv2d(3, 4, 3, bias=False)", "bias": np.ones(4, "f4")}),
    ("activation", ArgumentError, {"activation": "tanh"}),
    ("activation", ArgumentTypeError, {"activation": 1}),
    ("activation", ArgumentError, {"weight": WEIGHT.astype(int), "activation": "leaky_relu"}),
    ("activation", ArgumentError, {"weight": WEIGHT.astype(int), "activation": Activation(0, 2.5)}),
]


@pytest.mark.parametrize(("argument", "kind", "changes"), WRONG)
def test_what_cannot_be_bound(
    argument: str, kind: type[Exception], changes: dict[str, Any]
) -> None:
    with pytest.raises(kind, match=f"^{argument} (is|has dtype) .* must (be|have) "):
        convpool.bind(**{"layer": "Conv2d(3, 4, 3)", "weight": WEIGHT} | changes)


CALLS: list[tuple[str, type[Exception], dict[str, Any]]] = [
    ("input", ArgumentTypeError, {"input": IMAGES.tolist()}),
    ("input", DtypeError, {"input": IMAGES.astype("f8")}),
    ("input", ArgumentError, {"input": IMAGES[:, :2]}),
    ("input", ArgumentError, {"input": IMAGES[0, 0]}),
    ("kernel_size", ArgumentError, {"input": IMAGES[..., :2]}),
    ("residual", ArgumentTypeError, {"residual": 1.0}),
    ("residual", DtypeError, {"residual": np.ones((2, 4, 5, 6))}),
    ("shape of residual", ArgumentError, {"residual": np.ones((1, 4, 5, 6), "f4")}),
    ("shape of residual", ArgumentError, {"residual": np.ones((4, 1, 1), "f4")}),
]


@pytest.mark.parametrize(("argument", "kind", "changes"), CALLS)
def test_wrong_calls(argument: str, kind: type[Exception], changes: dict[str, Any]) -> None:
    bound = convpool.bind("Conv2d(3, 4, 3)", WEIGHT)
    for _ in range(2):  # also where a right call is known already
        with pytest.raises(kind, match=f"^{argument} (is|has dtype) .* must (be|have) "):
            bound(**{"input": IMAGES} | changes)
        bound(IMAGES)


class Watched:
    """A convolution's operator that packs differently for small images, and counts."""

    packed: list[Hashable] = []  # noqa: RUF012

    def __init__(self, request: Request) -> None:
        self.packing = "small" if request.image_shape[1] < 10 else "large"

    def pack(self, weight: Array, bias: Array | None) -> object:
        self.packed.append(self.packing)
        return self.packing

    def run(
        self,
        input: Array,
        packed: object,
        *,
        out: Array | None = None,
        residual: Array | None = None,
        activation: Activation = NO_ACTIVATION,
    ) -> Array:
        assert packed == self.packing
        return np.zeros((len(input), 4, *np.subtract(input.shape[2:], 2)), input.dtype)

    def __call__(self, *arrays: Any, out: Array | None = None) -> Array:
        raise AssertionError


def test_weights_are_packed_once_a_packing(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Engine("watched", lambda _: None, Watched)
    monkeypatch.setattr(dispatch, "ENGINES", (watched, *ENGINES))
    monkeypatch.setattr(Watched, "packed", [])
    forget()
    try:
        bound = convpool.bind("Conv2d(3, 4, 3)", WEIGHT)
        for size in (5, 6, 20, 5, 30, 9):
            for batch in (1, 3):
                bound(np.zeros((batch, 3, size, size), "f4"))
            bound(np.zeros((3, size, size), "f4"))
    finally:
        forget()
    assert Watched.packed == ["small", "large"]


def test_many_threads_share_one() -> None:
    images, weight, bias = arrays(LAYERS[0])
    bound = convpool.bind(LAYERS[0], weight, bias, "relu")
    expected = {
        size: convpool.bind(LAYERS[0], weight, bias, "relu")(images[:, :, :size])
        for size in range(3, 8)
    }
    wrong: list[int] = []

    def work(first: int) -> None:
        for turn in range(20):
            size = 3 + (first + turn) % 5
            if not np.array_equal(bound(images[:, :, :size]), expected[size]):
                wrong.append(size)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_bind_returns_is_public() -> None:
    bound = F.bind(parse_layer("Conv2d(3, 4, 3)"), WEIGHT)
    assert isinstance(bound, BoundConvolution)
    assert bound.layer == parse_layer("Conv2d(3, 4, 3)")
    assert bound.activation == Activation()


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("bias", [False, True])
def test_small_layers_called_again(bias: bool, activation: str | None) -> None:
    random = np.random.default_rng(5)
    layer = Conv2dSpec(2, 3, 3, padding=1, bias=bias)
    weight = random.standard_normal(layer.weight_shape)
    added = random.standard_normal(3) if bias else None
    bound = F.bind(layer, weight, added, activation)
    images = random.standard_normal((2, 2, 5, 6))
    odd = np.frombuffer(b"." + images.tobytes(), np.uint8)[1:].view(np.float64)  # misaligned
    given = (
        *(images, images[0], images[:, :, ::-1], images.transpose(0, 1, 3, 2)),
        *(odd.reshape(images.shape), images[:0], np.asfortranarray(images)),
    )
    for _ in range(3):
        for array in given:
            expected = F.conv2d(array, weight, added, padding=1)
            if activation is not None:
                expected = np.maximum(expected, 0)
            np.testing.assert_array_equal(bound(array), expected)
            out = np.empty_like(expected, order="C")
            assert bound(array, out) is out
            np.testing.assert_array_equal(out, expected)
            if activation is None:
                added_to = bound(array, None, np.ones_like(expected))
                np.testing.assert_allclose(added_to, expected + 1, rtol=1e-12)
    with pytest.raises(DtypeError):
        bound(images.astype(np.float32))
    with pytest.raises(ArgumentError):
        bound(images[:, :1])
