"""Small calls of bound layers, which are prepared once: the same bits, whatever was called before."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convpool import bind
from convpool.kernels.convolution import operator as operators
from convpool.kernels.convolution.operator import Convolution
from convpool.precisions import precision
from convpool.request import NO_ACTIVATION, Request
from convpool.spec import Activation, Conv2dSpec, ConvTranspose2dSpec
from tests.kernels.convolution.cases import Case, Plane, Spec, check
from tests.kernels.layouts import channels_last, noise

LAYERS: dict[str, tuple[Spec, Plane]] = {
    "one pixel": (Conv2dSpec(300, 48, 1, bias=True), (1, 1)),
    "across pixels": (Conv2dSpec(3, 6, 3, padding=1, bias=True), (9, 30)),
    "across filters": (Conv2dSpec(20, 32, 3, 2, 1, bias=True), (9, 9)),
    "plane by plane": (Conv2dSpec(9, 9, 3, 2, 1, groups=9, bias=True), (13, 14)),
    "side by side": (Conv2dSpec(40, 40, 5, padding=2, groups=40, bias=True), (7, 7)),
    "transposed": (ConvTranspose2dSpec(12, 8, 4, 2, 1, bias=True), (6, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("activation", [None, "relu"])
def test_again_and_again(name: str, activation: str | None) -> None:
    """Also after calls of other batches, orders of memory and precisions, and into an output."""
    spec, plane = LAYERS[name]
    images = noise((3, spec.in_channels, *plane))
    weight, bias = noise(spec.weight_shape), noise((spec.out_channels,))
    bound = bind(spec, weight, bias, activation=activation)
    first = bound(images)
    follows = Activation(0.0) if activation else NO_ACTIVATION
    check(Case(spec, images, weight, bias, activation=follows), first)
    kept = first.copy()
    with precision("strict"):
        strict = bound(images)
        assert bound(images).tobytes() == strict.tobytes()
    for _ in range(2):
        for image in range(3):
            assert bound(images[image : image + 1]).tobytes() == first[image].tobytes()
            assert bound(images[image]).tobytes() == first[image].tobytes()
        assert bound(images, out=np.empty_like(first)).tobytes() == first.tobytes()
        assert np.ascontiguousarray(bound(channels_last(images))).tobytes() == first.tobytes()
        other = bound(images * 2)
        assert not np.shares_memory(other, first)
        assert bound(images).tobytes() == first.tobytes()
    assert first.tobytes() == kept.tobytes()


def test_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few calls of each weights, none of large ones."""
    monkeypatch.setattr(operators, "_MOST_CALLS", 2)
    spec = Conv2dSpec(20, 32, 3, 2)
    operator = Convolution(Request("conv2d", spec, (20, 9, 9), "float32"))
    packed = operator.pack(noise(spec.weight_shape), None)
    for batch in (1, 2, 1, 3, 3, 2):
        images = noise((batch, 20, 9, 9))
        once = operator(images, packed.weight, None)
        assert operator.run(images, packed).tobytes() == once.tobytes()
        assert len(packed.calls) <= 2
    packed.calls.clear()
    operator.run(noise((9, 20, 9, 9)), packed)
    assert not packed.calls


def test_callers_at_once() -> None:
    """Each has a record and scratch memory of its own."""
    spec = Conv2dSpec(48, 48, 5, padding=2, groups=48)
    bound = bind(spec, noise(spec.weight_shape), None)
    images = [noise((1, 48, 7, 7)) * number for number in range(1, 9)]
    expected = [bound(one) for one in images]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(50):
            for made, known in zip(pool.map(bound, images), expected, strict=True):
                assert made.tobytes() == known.tobytes()
