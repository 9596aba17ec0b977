"""Depthwise layers with channels side by side: the bits of plane by plane, in all memory orders."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convpool.kernels.convolution.depthwise.abreast import cuts
from convpool.kernels.convolution.operator import Convolution
from convpool.request import Request
from convpool.spec import Activation, Conv2dSpec, ConvTranspose2dSpec
from convpool.threads import get_num_threads, set_num_threads
from tests.kernels.convolution.cases import Case, Plane, Spec, check
from tests.kernels.convolution.test_special_values import check_kinds
from tests.kernels.layouts import both_layouts, channels_last, noise

Array = NDArray[Any]

LAYERS: dict[str, tuple[Spec, Plane]] = {
    "a row of one tile": (Conv2dSpec(48, 48, 7, padding=3, groups=48), (7, 7)),
    "half a block of channels": (Conv2dSpec(40, 40, 5, padding=2, groups=40), (9, 14)),
    "many tiles": (Conv2dSpec(16, 16, 5, padding=2, groups=16), (6, 45)),
    "stride 2": (Conv2dSpec(31, 31, 5, 2, 2, groups=31), (14, 29)),
    "another stride across": (Conv2dSpec(16, 16, (4, 7), (1, 2), 1, groups=16), (11, 20)),
    "padding on some sides": (
        Conv2dSpec(16, 16, (7, 5), padding=((0, 5), (4, 0)), groups=16),
        (5, 17),
    ),
    "windows beside the image": (Conv2dSpec(16, 16, (5, 3), padding=(4, 2), groups=16), (3, 3)),
    "narrow": (Conv2dSpec(32, 32, 3, padding=1, groups=32), (7, 8)),
    "transposed, a pair and one": (ConvTranspose2dSpec(16, 16, 7, padding=4, groups=16), (8, 6)),
    "transposed": (ConvTranspose2dSpec(32, 32, 5, padding=1, groups=32), (8, 13)),
}


def arrays(name: str, dtype: str = "float32") -> tuple[Spec, Array, Array, Array]:
    spec, plane = LAYERS[name]
    images = noise((3, spec.in_channels, *plane), dtype)
    return spec, images, noise(spec.weight_shape, dtype), noise((spec.out_channels,), dtype)


def operator_of(case: Case) -> Convolution:
    operator = Convolution(case.request)
    assert operator.way == "channels side by side", case
    return operator


@pytest.mark.parametrize("name", LAYERS)
def test_against_reference_and_plane_by_plane(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, images, weight, bias = arrays(name)
    plain = Case(spec, images, weight, bias, packed=True)
    residual = noise(plain.output_shape)
    rich = replace(plain, residual=residual, activation=Activation(0.1, 1.5))
    operator = operator_of(plain)
    results = [(case, case.run(operator)) for case in (plain, rich)]
    for case, result in results:
        check(case, result)
        same = replace(case, input=channels_last(images))
        assert same.run(operator).tobytes() == result.tobytes()
    monkeypatch.setattr(operator._depthwise, "abreast", {})
    for case, result in results:
        assert case.run(operator).tobytes() == result.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orders_of_memory(dtype: str) -> None:
    """Of the images, whose rows may be reversed, and of the output."""
    spec, images, weight, bias = arrays("stride 2", dtype)
    plain = Case(spec, images, weight, bias, packed=True)
    result = plain.run(operator_of(plain))
    check(plain, result)
    reversed_rows = np.ascontiguousarray(images[..., ::-1])[..., ::-1]
    for same in (images, channels_last(images), reversed_rows):
        for out in ("", "in order", "channels last"):
            case = replace(plain, input=same, out=out)
            assert case.run(operator_of(case)).tobytes() == result.tobytes()


@pytest.mark.parametrize("name", LAYERS)
def test_slabs_batches_and_threads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bits however many rows are made at a time, and by whom."""
    spec, images, weight, bias = arrays(name)
    case = Case(spec, images, weight, bias, packed=True)
    expected = case.run(operator_of(case))
    threads = get_num_threads()
    monkeypatch.setattr(cuts, "_PANEL", 1)
    monkeypatch.setattr(cuts, "_BAND", 1)
    try:
        for count in (1, 2):
            set_num_threads(count)
            for same in both_layouts(images):
                for first, end in ((0, 1), (1, 3)):
                    some = replace(case, input=same[first:end])
                    assert some.run(operator_of(some)).tobytes() == expected[first:end].tobytes()
    finally:
        set_num_threads(threads)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
def test_special_values(name: str, special: float) -> None:
    """They come out where the reference has them; what surrounds an image is never seen."""
    spec, images, weight, bias = arrays(name)
    _, channels, height, width = images.shape
    images[0, 0, 0, 0] = images[0, channels // 2, height // 2, width - 1] = special
    images[0, channels - 1, height - 1, width // 2] = special
    surrounded = np.full((3, channels + 2, height + 2, width + 2), np.nan, images.dtype)
    surrounded[:, 1:-1, 1:-1, 1:-1] = images
    for same in (*both_layouts(images), surrounded[:, 1:-1, 1:-1, 1:-1]):
        case = Case(spec, same, weight, bias, packed=True)
        check_kinds(case, case.run(operator_of(case)))


def test_which_layers() -> None:
    """Many products of each position, or narrow planes; and enough channels to fill vectors."""

    def way(channels: int, kernel: int, size: int) -> str:
        spec = Conv2dSpec(channels, channels, kernel, padding=kernel // 2, groups=channels)
        return Convolution(Request("conv2d", spec, (channels, size, size), "float32")).way

    assert way(96, 7, 56) == way(96, 5, 14) == way(96, 3, 7) == "channels side by side"
    assert way(96, 3, 28) == way(3, 7, 56) == way(96, 5, 1 << 14) == "plane by plane"


@pytest.mark.parametrize("kernel", [3, 7])
def test_channels_last_is_read_as_it_is(kernel: int) -> None:
    """Of any kernel and however few channels; the widest images are turned to planes first."""
    for channels, width in ((3, 30), (20, 33), (1, 70), (2, 5000)):
        spec = Conv2dSpec(channels, channels, kernel, 2, kernel // 2, groups=channels)
        images = channels_last(noise((2, channels, 9, width)))
        case = Case(spec, images, noise(spec.weight_shape), None)
        check(case, case.run())
