"""Gradients by weights by AMX and by short convolutions, whether they pay or not.

Near the exact ones, the same bits always, NaN as elsewhere.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from convpool import reference
from convpool.arithmetic import output_shape
from convpool.kernels import amx
from convpool.kernels.weight_gradient.amx.cuts import AmxCuts
from convpool.kernels.weight_gradient.cuts import Cuts
from convpool.kernels.weight_gradient.operator import WeightGradient
from convpool.kernels.weight_gradient.short import cuts as short
from convpool.kernels.weight_gradient.short.cuts import ShortCuts
from convpool.spec import Conv2dSpec
from convpool.threads import MOST, get_num_threads, set_num_threads
from tests.kernels.layouts import channels_last, noise

Array = NDArray[np.float32]

LAYERS: dict[str, tuple[Conv2dSpec, tuple[int, int, int]]] = {
    "1x1": (Conv2dSpec(70, 40, 1), (3, 13, 13)),
    "1x1 in blocks": (Conv2dSpec(40, 33, 1), (2, 50, 60)),
    "3x3": (Conv2dSpec(40, 48, 3, padding=1), (5, 14, 17)),
    "3x3 in blocks of rows": (Conv2dSpec(33, 17, 3, padding=1), (2, 60, 70)),
    "images side by side": (Conv2dSpec(64, 65, 3, padding=1), (30, 7, 7)),
    "more than a unit holds": (Conv2dSpec(200, 300, 3, padding=1), (3, 7, 7)),
    "without padding": (Conv2dSpec(33, 40, 3), (3, 12, 14)),
    "5x5": (Conv2dSpec(20, 33, 5, padding=2), (3, 13, 14)),
    "5x5 circular": (Conv2dSpec(33, 40, 5, padding=(1, 2), padding_mode="circular"), (3, 9, 14)),
    "wide padding": (Conv2dSpec(20, 20, 3, padding=2), (3, 12, 14)),
    "stride 2": (Conv2dSpec(48, 64, 3, 2, 1), (7, 15, 16)),
    "stride 2 of single pixels": (Conv2dSpec(48, 64, 1, 2), (7, 15, 16)),
    "stride 3 and 4": (Conv2dSpec(20, 24, (5, 7), (3, 4), 2), (3, 40, 61)),
    "dilated": (Conv2dSpec(36, 24, 3, 1, 2, 2), (3, 20, 21)),
    "groups": (Conv2dSpec(96, 72, 3, padding=1, groups=3), (3, 15, 12)),
    "few filters": (Conv2dSpec(20, 13, 3, padding=1), (5, 14, 17)),
    "few channels": (Conv2dSpec(3, 40, 7, 2, 3), (3, 41, 43)),
    "reflected": (Conv2dSpec(40, 24, 3, padding=1, padding_mode="reflect"), (3, 14, 14)),
    "circular": (Conv2dSpec(33, 24, 5, 2, 2, padding_mode="circular"), (3, 19, 22)),
    "four sides": (Conv2dSpec(33, 24, (1, 7), padding=((0, 2), (6, 1))), (3, 9, 31)),
    "one pixel": (Conv2dSpec(64, 64, 1), (3, 1, 1)),
    "one row": (Conv2dSpec(64, 32, (1, 3)), (3, 1, 50)),
}


WAYS: dict[str, type[Cuts]] = {"short": ShortCuts}
if amx.available():  # as most CPUs haven't
    WAYS["amx"] = AmxCuts


def takes(way: str, name: str) -> bool:
    spec, (_, *plane) = LAYERS[name]
    problem = WeightGradient(spec, (plane[0], plane[1]), "float32")._problem
    return way == "amx" or short.fits(problem)


CALLS = [(way, name) for way in WAYS for name in LAYERS if takes(way, name)]


@contextmanager
def only(way: str) -> Iterator[None]:
    """This way for all layers that it takes, also where others are faster; or none but the last."""
    with ExitStack() as stack:
        for name, cuts in WAYS.items():
            cycles = 0 if name == way else np.inf
            stack.enter_context(patch.object(cuts, "cycles", cycles))
        yield


def make(way: str, spec: Conv2dSpec, plane: tuple[int, int], batch: int) -> WeightGradient:
    operator = WeightGradient(spec, plane, "float32")
    with only(way):
        ways = operator._ways(batch)
    assert isinstance(ways[0], WAYS.get(way, Cuts))
    return operator


def arrays(spec: Conv2dSpec, shape: tuple[int, int, int]) -> tuple[Array, Array]:
    batch, *plane = shape
    images = noise((batch, spec.in_channels, *plane))
    return images, noise(output_shape(spec, images.shape))[::-1]


def exact(spec: Conv2dSpec, images: Array, gradient: Array) -> NDArray[np.float64]:
    wide = images.astype(np.float64), gradient.astype(np.float64)
    return np.asarray(reference.conv2d_weight(spec, *wide))


def by_adding(spec: Conv2dSpec, images: Array, gradient: Array) -> Array:
    plane = images.shape[2], images.shape[3]
    return np.asarray(make("", spec, plane, len(images))(images, gradient))


@pytest.mark.parametrize(("way", "name"), CALLS)
def test_near_the_exact_result(way: str, name: str) -> None:
    spec, shape = LAYERS[name]
    images, gradient = arrays(spec, shape)
    result = make(way, spec, shape[1:], shape[0])(images, gradient)
    others = by_adding(spec, images, gradient)
    truth = exact(spec, images, gradient)
    size = np.sqrt(np.mean(truth**2))
    assert result.tobytes() != others.tobytes()
    error, of_others = (float(np.abs(each - truth).max() / size) for each in (result, others))
    assert error < (1e-5 if way == "short" else max(3e-6, 1.5 * of_others))


@pytest.mark.parametrize(("way", "name"), CALLS)
def test_the_same_bits(way: str, name: str) -> None:
    """On any number of threads, from memory that was used before."""
    spec, shape = LAYERS[name]
    images, gradient = arrays(spec, shape)
    operator = make(way, spec, shape[1:], shape[0])
    expected = operator(images, gradient).tobytes()
    threads = get_num_threads()
    try:
        for count in range(1, MOST + 1):
            set_num_threads(count)
            assert operator(images, gradient).tobytes() == expected
    finally:
        set_num_threads(threads)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("of_images", [True, False])
def test_what_is_not_finite_is_done_again(special: float, *, of_images: bool) -> None:
    """By AMX, and by vectors: the bits are theirs."""
    names = "1x1", "3x3", "stride 2", "images side by side"
    for way, name in [call for call in CALLS if call[1] in names]:
        images, gradient = (np.array(each) for each in arrays(*LAYERS[name]))
        (images if of_images else gradient)[1, 2, 3, 4] = special
        spec, shape = LAYERS[name]
        result = make(way, spec, shape[1:], shape[0])(images, gradient)
        assert not np.isfinite(result).all()
        assert result.tobytes() == by_adding(spec, images, gradient).tobytes()


@pytest.mark.parametrize("powers", [(-100, 0), (0, -100), (-70, -70), (-140, 100), (120, -20)])
@pytest.mark.parametrize("way", WAYS)
def test_numbers_of_any_size(way: str, powers: tuple[int, int]) -> None:
    """Gradients may be as small as they like."""
    spec, shape = LAYERS["3x3"]
    images, gradient = (
        np.ldexp(each, power).astype(np.float32)
        for each, power in zip(arrays(spec, shape), powers, strict=True)
    )
    result = make(way, spec, shape[1:], shape[0])(images, gradient)
    truth = exact(spec, images, gradient)
    room = 1e-5 * np.sqrt(np.mean(truth**2))
    # A number below 2^-126, and what is made of it, may be off by the smallest that there is.
    room += shape[0] * 14 * 17 * 2.0**-149 * max(1, np.abs(gradient).max())
    assert np.abs(result - truth).max() <= room


@pytest.mark.parametrize("way", WAYS)
def test_gradients_that_are_zero(way: str) -> None:
    """As behind filters that are never active, with tiny numbers elsewhere."""
    spec, shape = LAYERS["3x3"]
    images, gradient = (np.array(each) for each in arrays(spec, shape))
    gradient[:, ::2] = 0
    gradient[0, 1, 2, 3] = 1e-30
    result = make(way, spec, shape[1:], shape[0])(images, gradient)
    assert not result[::2].any()
    truth = exact(spec, images, gradient)
    assert np.abs(result - truth).max() < 1e-5 * np.sqrt(np.mean(truth**2))


@pytest.mark.parametrize("way", WAYS)
def test_other_orders_of_memory(way: str) -> None:
    """Channels last and strided rows, of either array."""
    spec, shape = LAYERS["3x3"]
    images, gradient = arrays(spec, shape)
    operator = make(way, spec, shape[1:], shape[0])
    expected = operator(images, gradient).tobytes()
    assert operator(channels_last(images), gradient).tobytes() == expected
    assert operator(images, channels_last(gradient)).tobytes() == expected
    mixed = np.ascontiguousarray(images.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)
    assert operator(mixed, gradient).tobytes() == expected
    wide = np.full((*images.shape[:2], 2 * shape[1], shape[2] + 3), np.nan, np.float32)
    wide[:, :, ::2, :-3] = images
    cut = wide[:, :, ::2, :-3]
    assert operator(cut, gradient).tobytes() == expected


@given(
    st.sampled_from(CALLS),
    st.integers(1, 40),
    st.sampled_from([16, 64, 700]),
    st.sampled_from([16, 48, 1000]),
)
def test_blocks_cover_everything(
    call: tuple[str, str], batch: int, channels: int, filters: int
) -> None:
    """Whole blocks; operands and sums within the caches, but for the widest images."""
    way, name = call
    spec, (_, *plane) = LAYERS[name]
    layer = Conv2dSpec(
        channels * spec.groups,
        filters * spec.groups,
        spec.kernel_size,
        spec.stride,
        spec.padding,
        spec.dilation,
        spec.groups,
        padding_mode=spec.padding_mode,
    )
    cuts = make(way, layer, (plane[0], plane[1]), batch)._ways(batch)[0]
    blocking, known = cuts.blocking, cuts.known
    assert 1 <= blocking.images <= batch
    assert blocking.images == 1 or blocking.rows >= known.out_height
    assert blocking.rows == 1 or blocking.columns == known.out_width
    assert known.image_blocks * blocking.images >= batch
    assert known.row_blocks * blocking.rows >= known.out_height
    assert known.chunks * blocking.chunk >= channels
    assert known.scratch_bytes <= 4 << 20
    assert 1 <= blocking.parts <= known.image_blocks * known.row_blocks * known.column_blocks
    if isinstance(cuts, AmxCuts):
        grid = cuts.grid
        positions = (blocking.images - 1) * grid.of_image + (blocking.rows - 1) * grid.pitch
        assert positions + blocking.columns <= 1152
