"""Receptive fields against the input pixels that output pixels depend on, found one by one.

Without a transposed layer all three numbers are exact for every single output. With one `jump` and
`start` hold on average over outputs; `size` is what some output sees where the transposed layer is
the last, or the first of the usual decoder (no dilation, windows of stride 1, k >= s in its
stamps), and elsewhere an upper bound.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from convpool import functional as F  # noqa: N812
from convpool.arithmetic import AxisField, Stamp, Window, field_formulas, receptive_field
from convpool.spec import AvgPool2dSpec, Conv2dSpec, ConvTranspose2dSpec, LayerSpec, MaxPool2dSpec
from tests.drawing import assert_evaluates, stamps, windows

Axes = Sequence[Window | Stamp]


def seen(chain: Axes, output: int) -> Counter[int]:
    """The input pixels that an output pixel depends on, and over how many paths on each.

    The input has no ends here: what lies in padding is counted too.
    """
    pixels = Counter({output: 1})
    for axis in reversed(chain):
        before: Counter[int] = Counter()
        for pixel, paths in pixels.items():
            for tap in range(axis.kernel):
                if isinstance(axis, Window):
                    before[pixel * axis.stride - axis.before + tap * axis.dilation] += paths
                else:
                    place = pixel + axis.before - tap * axis.dilation
                    if place % axis.stride == 0:
                        before[place // axis.stride] += paths
        pixels = before
    return pixels


def through(chain: Axes) -> AxisField:
    field = AxisField()
    for axis in chain:
        field = field.through(axis)
    return field


def period(chain: Axes) -> int:
    """Outputs after which the pattern of who sees what repeats."""
    return math.prod(axis.stride for axis in chain if isinstance(axis, Stamp))


def most_seen(chain: Axes) -> int:
    """The most pixels between the first and the last one that any output pixel sees."""
    fields = [seen(chain, output) for output in range(period(chain))]
    return max((max(pixels) - min(pixels) + 1 for pixels in fields if pixels), default=0)


@given(st.lists(windows(), max_size=4))
def test_without_transposed_layers_everything_is_exact(chain: list[Window]) -> None:
    field = through(chain)
    first, second = seen(chain, 0), seen(chain, 1)
    assert field.size == max(first) - min(first) + 1
    assert field.jump == min(second) - min(first)
    # Pixel i spans i to i + 1.
    assert field.start == Fraction(min(first) + max(first) + 1, 2)


@given(st.lists(windows(), max_size=2), stamps(), st.lists(windows() | stamps(), max_size=2))
@example([Window(9, 3, 2)], Stamp(9, 2, 2), [Window(9, 2)])  # neighbours that see the same or not
@example([], Stamp(9, 2, 4, dilation=5), [Window(9, 2)])  # where the second sees the earlier pixel
@example([], Stamp(9, 1, 3), [])  # pixels that see nothing
def test_no_pixel_sees_more_than_the_size(
    front: list[Window], stamp: Stamp, back: list[Window | Stamp]
) -> None:
    chain = [*front, stamp, *back]
    assert through(chain).size >= most_seen(chain)
    assert through([*front, stamp]).size == most_seen([*front, stamp])


decoder_windows = st.builds(Window, st.just(9), st.integers(1, 5), before=st.integers(0, 3))
decoder_stamps = st.integers(1, 4).flatmap(
    lambda s: st.builds(Stamp, st.just(9), st.integers(s, 6), st.just(s), before=st.integers(0, 3))
)


@given(st.lists(windows(), max_size=2), st.lists(decoder_windows | decoder_stamps, max_size=4))
def test_some_pixel_of_a_decoder_sees_the_size(
    encoder: list[Window], decoder: list[Window | Stamp]
) -> None:
    chain = [*encoder, *decoder]
    assert through(chain).size == most_seen(chain)


@given(st.lists(windows() | stamps(), max_size=3))
def test_after_a_period_the_fields_have_moved_by_as_many_jumps(chain: list[Window | Stamp]) -> None:
    moved = through(chain).jump * period(chain)
    assert moved.denominator == 1
    first, later = seen(chain, 0), seen(chain, period(chain))
    assert later == Counter({pixel + int(moved): paths for pixel, paths in first.items()})


@given(st.lists(windows() | stamps(), max_size=3))
def test_start_is_the_centre_of_all_taps(chain: list[Window | Stamp]) -> None:
    """Taps of stamps that come from between two pixels included."""
    places = {Fraction(0)}
    for axis in reversed(chain):
        taps = range(0, axis.reach, axis.dilation)
        if isinstance(axis, Window):
            places = {place * axis.stride - axis.before + tap for place in places for tap in taps}
        else:
            places = {(place + axis.before - tap) / axis.stride for place in places for tap in taps}
    assert through(chain).start == (min(places) + max(places) + 1) / 2


@given(st.lists(windows(), max_size=2), st.lists(decoder_windows | stamps(), max_size=3))
def test_start_is_the_mean_over_the_pixels_seen(
    encoder: list[Window], decoder: list[Window | Stamp]
) -> None:
    """The pixels seen may lie to one side of an output's centre; over a period that evens out.

    Each path from an input pixel to an output o counts once for centre = start + o * jump, and the
    mean over all paths fulfils it, where no stride after a transposed layer skips outputs.
    """
    chain = [*encoder, *decoder]
    field = through(chain)
    off_centre = sum(
        paths * (pixel + Fraction(1, 2) - field.start - output * field.jump)
        for output in range(period(chain))
        for pixel, paths in seen(chain, output).items()
    )
    assert off_centre == 0


@given(windows(pooling=False))
def test_a_transposed_layer_takes_back_jump_and_start(axis: Window) -> None:
    back = Stamp(
        axis.output, axis.kernel, axis.stride, axis.before, axis.after, dilation=axis.dilation
    )
    there_and_back = through([axis, back])
    assert (there_and_back.jump, there_and_back.start) == (Fraction(1), Fraction(1, 2))


@given(st.lists(windows() | stamps(), min_size=1, max_size=3))
@example([Window(9, 3, 2), Stamp(9, 2, 2), Window(9, 2)])
def test_the_formulas_evaluate_to_the_field(chain: list[Window | Stamp]) -> None:
    before, after = through(chain[:-1]), through(chain)
    texts = field_formulas(before, chain[-1])
    for text, number in zip(texts, (after.size, after.jump, after.start), strict=True):
        assert_evaluates(text)
        assert text.split(" = ")[1].split(" (")[0] == str(number)


def test_the_formulas_show_the_recurrences() -> None:
    before, axis = through([Window(9, 3, 2, 1, 1)]), Window(9, 3, 2, 0, 1, dilation=2)
    assert field_formulas(before, axis) == (
        "3 + 2*(3-1)*2 = 11",
        "2*2 = 4",
        "1/2 + (2*(3-1)/2 - 0)*2 = 9/2",
    )
    up = Stamp(9, 4, 2, 1, 1)
    assert field_formulas(before, up) == (
        "3 + 2 = 5 (input pixels whose stamps meet)",
        "2/2 = 1",
        "1/2 + (1 - 1*(4-1)/2)*2/2 = 0",
    )
    enlarged = through([Window(9, 3, 2), Stamp(9, 2, 2)])
    assert field_formulas(enlarged, Window(9, 2))[0] == (
        "3 + 2 = 5 (the most that the pixels of a window see together)"
    )


def blocks(*filters: list[int]) -> Iterator[LayerSpec]:
    """3x3 convolutions from each number of channels to the next, then a pooling, per block."""
    for block in filters:
        for before, after in itertools.pairwise(block):
            yield Conv2dSpec(before, after, 3, padding=1)
        yield MaxPool2dSpec(2)


VGG16 = list(blocks([3, 64, 64], [64, 128, 128], [128, *[256] * 3], [256, *[512] * 3], [512] * 4))
ALEXNET_V2: list[LayerSpec] = [
    Conv2dSpec(3, 64, 11, 4),
    MaxPool2dSpec(3, 2),
    Conv2dSpec(64, 192, 5, padding=2),
    MaxPool2dSpec(3, 2),
    Conv2dSpec(192, 384, 3, padding=1),
    Conv2dSpec(384, 384, 3, padding=1),
    Conv2dSpec(384, 256, 3, padding=1),
    MaxPool2dSpec(3, 2),
]


@pytest.mark.parametrize(
    ("net", "size", "stride", "padding"), [(VGG16, 212, 32, 90), (ALEXNET_V2, 195, 32, 64)]
)
def test_published_fields(net: list[LayerSpec], size: int, stride: int, padding: int) -> None:
    """Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", 2019.

    They publish the effective padding, by which the first field reaches out of the input.
    """
    field = receptive_field(net)
    assert field.size == (size, size)
    assert field.jump == (Fraction(stride), Fraction(stride))
    assert field.start == (Fraction(size, 2) - padding, Fraction(size, 2) - padding)


CHAIN: list[LayerSpec] = [
    Conv2dSpec(1, 1, (3, 2), (2, 1), ((1, 0), (0, 2)), (1, 3)),
    AvgPool2dSpec((2, 3), (1, 2), padding=(1, 0)),
    Conv2dSpec(1, 1, (2, 3), (1, 2), ((0, 1), (2, 0)), (2, 1)),
]
UP = ConvTranspose2dSpec(1, 1, (4, 2), (2, 2), ((1, 2), (0, 0)))


@pytest.mark.parametrize("chain", [CHAIN[:1], CHAIN, [*CHAIN, UP]], ids=len)
def test_the_gradient_lands_in_the_field(chain: list[LayerSpec]) -> None:
    """An output pixel's gradient, sent back through layers of ones, covers the field exactly."""
    field = receptive_field(chain)
    shapes = [(1, 40, 45)]
    image = np.ones(shapes[0])
    for layer in chain:
        image = run(layer, image)
        shapes.append(image.shape)
    row, column = shapes[-1][1] // 2, shapes[-1][2] // 2
    gradient = np.zeros(shapes[-1])
    gradient[0, row, column] = 1
    for layer, shape in zip(reversed(chain), reversed(shapes[:-1]), strict=True):
        gradient = run_back(layer, gradient, shape)
    for axis, output in ((1, row), (2, column)):
        covered = np.flatnonzero(gradient[0].any(axis=2 - axis))
        size, jump, start = field.size[axis - 1], field.jump[axis - 1], field.start[axis - 1]
        centre = Fraction(int(covered[0]) + int(covered[-1]) + 1, 2)
        assert covered[-1] - covered[0] + 1 == size
        # Behind the transposed layer the field may lie up to half a pixel of its input off.
        assert abs(centre - start - jump * output) <= (jump / 2 if UP in chain else 0)


def run(layer: LayerSpec, image: np.ndarray) -> np.ndarray:
    pooling = isinstance(layer, AvgPool2dSpec)
    weight = None if pooling else np.ones((1, 1, *layer.kernel_size))
    output: np.ndarray = F.apply(layer, image, weight)
    return output


def run_back(layer: LayerSpec, gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    weight = np.ones((1, 1, *layer.kernel_size))
    if isinstance(layer, Conv2dSpec):
        sides, dilation = layer.pads, layer.dilation
        return F.conv2d_input(shape, weight, gradient, layer.stride, sides, dilation)
    if isinstance(layer, ConvTranspose2dSpec):
        return F.conv_transpose2d_input(shape, weight, gradient, layer.stride, layer.pads)
    return F.avg_pool2d_backward(gradient, shape, layer.kernel_size, layer.stride, layer.pads)
