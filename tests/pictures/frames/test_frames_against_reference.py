"""Over random layers, what the frames say is what the reference computes."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits

from convpool import reference
from convpool.arithmetic import axes_of
from convpool.pictures.frames import Film, film
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from tests.pictures.frames.films import SPECIAL, filmed, settings

Setting = tuple[LayerSpec, tuple[int, int, int], int]
SUMS = ("Conv2d", "ConvTranspose2d")


def cells_of(shown: Film) -> list[tuple[int, ...]]:
    """The cells of the output, as they should be told."""
    return list(np.ndindex(shown.output.shape))


@limits(deadline=None)
@given(settings(*SUMS, "AvgPool2d", "MaxPool2d"))
def test_one_frame_for_each_output_cell_with_its_value(setting: Setting) -> None:
    shown = filmed(*setting)
    assert [frame.target for frame in shown.frames] == cells_of(shown)
    assert [frame.result for frame in shown.frames] == shown.output.ravel().tolist()


@limits(deadline=None)
@given(settings(*SUMS))
def test_sums_are_the_outputs(setting: Setting) -> None:
    shown = filmed(*setting)
    for frame in shown.frames:
        sums = np.cumsum([term.value * (term.weight or 0) for term in frame.terms]).tolist()
        assert [term.running for term in frame.terms] == sums
        assert (sums[-1] if sums else 0) + (frame.bias or 0) == frame.result


@limits(deadline=None)
@given(settings(*SUMS))
def test_each_product_is_one_of_the_reference(setting: Setting) -> None:
    """With the weights of one tap alone, the output is the sum of their products."""
    shown = filmed(*setting)
    assert isinstance(shown.spec, Conv2dSpec | ConvTranspose2dSpec)
    assert shown.weight is not None
    operator = (
        reference.conv2d if isinstance(shown.spec, Conv2dSpec) else reference.conv_transpose2d
    )
    row, column = shown.spec.kernel_size[0] - 1, shown.spec.kernel_size[1] // 2
    alone = np.zeros_like(shown.weight)
    alone[:, :, row, column] = shown.weight[:, :, row, column]
    expected = operator(shown.spec, shown.input[None], alone, None)[0]  # type: ignore[arg-type]
    for frame in shown.frames:
        products = [term.product for term in frame.terms if term.tap == (row, column)]
        assert sum(products) == expected[frame.target]


@limits(deadline=None)
@given(settings("AvgPool2d"))
def test_means_are_the_outputs_to_the_bit(setting: Setting) -> None:
    spec, shape, seed = setting
    assert isinstance(spec, AvgPool2dSpec)
    image = np.random.default_rng(seed).standard_normal(shape)
    shown = film(spec, image)
    for frame in shown.frames:
        assert frame.terms[-1].running == frame.result
        weighted = sum(term.value * (term.weight or 0) for term in frame.terms)
        assert math.isclose(weighted, frame.result, rel_tol=1e-12, abs_tol=1e-12)
        assert math.isclose(sum(term.product for term in frame.terms), weighted, abs_tol=1e-12)


@limits(deadline=None)
@given(settings("MaxPool2d"))
def test_winners_are_those_of_the_reference(setting: Setting) -> None:
    spec, _, _ = setting
    assert isinstance(spec, MaxPool2dSpec)
    shown = filmed(*setting, kinds=SPECIAL)
    values, indices = reference.max_pool2d_with_indices(spec, shown.input[None])
    np.testing.assert_array_equal(shown.indices, indices[0])
    width = shown.input.shape[2]
    for frame in shown.frames:
        np.testing.assert_array_equal(frame.terms[-1].running, values[0][frame.target])
        assert frame.flat_index == indices[0][frame.target]
        if frame.chosen is None:
            assert all(term.source is None for term in frame.terms)
            continue
        channel, row, column = frame.terms[frame.chosen].cell
        assert (channel, row * width + column) == (frame.target[0], frame.flat_index)


@limits(deadline=None)
@given(settings("Conv2d", "MaxPool2d", "AvgPool2d"))
def test_windows_hold_what_the_padded_image_holds(setting: Setting) -> None:
    spec, _, _ = setting
    shown = filmed(*setting)
    modes = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    mode = modes.get(getattr(spec, "padding_mode", "zeros"), "constant")
    lowest = -np.inf if isinstance(spec, MaxPool2dSpec) else 0.0
    top, bottom, left, right = shown.padding
    around = ((0, 0), (top, bottom), (left, right))
    fill = {"constant_values": lowest} if mode == "constant" else {}
    padded = np.pad(shown.input, around, mode, **fill)  # type: ignore[call-overload]
    vertical, horizontal = axes_of(spec, (shown.input.shape[1], shown.input.shape[2]))
    for frame in shown.frames:
        for term in frame.terms:
            channel, row, column = term.cell
            assert row == vertical.position(frame.target[1], term.tap[0])
            assert column == horizontal.position(frame.target[2], term.tap[1])
            place = (channel, row + top, column + left)
            beyond = place[1] >= padded.shape[1] or place[2] >= padded.shape[2]
            assert term.value == (lowest if beyond else padded[place])
            assert term.source is None or shown.input[term.source] == term.value


@limits(deadline=None)
@given(settings("ConvTranspose2d"))
def test_stamps_land_on_their_target(setting: Setting) -> None:
    shown = filmed(*setting)
    axes = axes_of(shown.spec, (shown.input.shape[1], shown.input.shape[2]))
    met = 0
    for frame in shown.frames:
        for term in frame.terms:
            places = zip(axes, term.cell[1:], term.tap, strict=True)
            assert tuple(a.position(i, t) for a, i, t in places) == frame.target[1:]
            assert term.source == term.cell
        met += len(frame.terms)
    assert isinstance(shown.spec, ConvTranspose2dSpec)
    pairs = shown.spec.in_channels * (shown.spec.out_channels // shown.spec.groups)
    assert met == pairs * axes[0].products * axes[1].products


@limits(deadline=None)
@given(settings("MaxUnpool2d"))
def test_unpooling_puts_values_back_where_pooling_found_them(setting: Setting) -> None:
    spec, shape, _ = setting
    assert isinstance(spec, MaxUnpool2dSpec)
    shown = film(spec, shape)
    origin = shown.origin
    assert origin is not None
    assert origin.indices is not None
    np.testing.assert_array_equal(shown.input, origin.output)
    np.testing.assert_array_equal(shown.indices, origin.indices)
    for frame in shown.frames:
        assert frame.result in (0, origin.input[frame.target])
        index = frame.target[1] * shown.output.shape[2] + frame.target[2]
        naming = np.argwhere(origin.indices[frame.target[0]] == index).tolist()
        assert [list(term.cell[1:]) for term in frame.terms] == naming
        assert frame.flat_index == (index if naming else None)
        for term in frame.terms:
            assert max(term.tap) < max(spec.kernel_size)
            assert min(term.tap) >= 0


@limits(max_examples=40, deadline=None)
@given(settings("Conv2d", "ConvTranspose2d", "AvgPool2d", "MaxPool2d"))
def test_a_fine_film_takes_the_same_terms_one_by_one(setting: Setting) -> None:
    coarse, fine = filmed(*setting), filmed(*setting, fine=True)
    expected = [
        (frame.target, frame.terms, step)
        for frame in coarse.frames
        for step in (range(len(frame.terms)) if frame.terms else [None])
    ]
    assert [(frame.target, frame.terms, frame.step) for frame in fine.frames] == expected


@limits(deadline=None)
@given(settings(*SUMS))
def test_equations_hold(setting: Setting) -> None:
    """Python itself works out what an equation says."""
    for fine in (False, True):
        for frame in filmed(*setting, fine=fine).frames:
            if "…" in frame.equation or "reaches" in frame.equation:
                continue
            text = frame.equation.replace("×", "*").replace(" (bias)", "")
            assert re.fullmatch(r"[-+*() \d]+ = -?\d+", text)
            left, right = text.split(" = ")
            assert eval(left) == int(right)  # of the signs that the pattern allows


@pytest.mark.parametrize("mode", ["zeros", "circular"])
def test_numbers_that_are_none_stay_so(mode: str) -> None:
    image = [[np.nan, 1.0], [np.inf, -np.inf]]
    shown = film(f"Conv2d(1, 1, 1, padding=1, padding_mode={mode})", image, [[2.0]])
    np.testing.assert_array_equal([f.result for f in shown.frames], shown.output.ravel())
    assert shown.frames[5].equation == "NaN×2 = NaN"
    assert shown.frames[10].equation == "(-inf)×2 = -inf"
    assert [f.terms[0].running for f in shown.frames if f.terms[0].source is None] == (
        [0.0] * 12 if mode == "zeros" else []
    )
