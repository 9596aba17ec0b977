"""Over random layers, what is drawn is what the film says."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from convpool.pictures.drawing import Role, Text
from convpool.pictures.frames import Film, Frame, film
from convpool.pictures.views import draw
from convpool.pictures.views.layers import channels_read
from convpool.pictures.views.values import cell_text
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec, LayerSpec
from tests.pictures.frames.films import SPECIAL, filmed, settings
from tests.pictures.views.reading import Cell, Letters, Planes, middle, polygons

Setting = tuple[LayerSpec, tuple[int, int, int], int]
WINDOWS = ("Conv2d", "MaxPool2d", "AvgPool2d")
limited = limits(deadline=None, max_examples=25)
SIGNED = 12
"""Pixels of a side from which a cell has a place for a sign beside the digit."""


def some(shown: Film) -> Iterator[tuple[int, Frame]]:
    """A few of a film's frames."""
    count = len(shown.frames)
    for number in sorted({0, count // 2, count - 1}):
        yield number, shown.frames[number]


def terms_of(shown: Film, frame: Frame, view: str) -> set[Cell]:
    """Where the cells of the terms lie on the planes of a view, counted from 0."""
    top, left, step = shown.padding[0], shown.padding[2], (1, 1)
    if isinstance(shown.spec, ConvTranspose2dSpec):
        twin = view in ("stuffed", "stacked")
        top, left = (max(top, 0), max(left, 0)) if twin else (0, 0)
        step = shown.spec.stride if twin else step
    first = 0 if view == "channels" else channels_read(shown, frame.target[0]).start
    return {
        (channel - first, row * step[0] + top, column * step[1] + left)
        for channel, row, column in (term.cell for term in frame.terms)
    }


@limited
@given(
    settings(*WINDOWS, "ConvTranspose2d"),
    st.sampled_from(["flat", "stacked", "channels", "scatter", "stuffed"]),
)
def test_the_cells_lit_are_the_terms(setting: Setting, view: str) -> None:
    shown = filmed(*setting)
    if view in ("scatter", "stuffed") and not isinstance(shown.spec, ConvTranspose2dSpec):
        view = "flat"
    check_lit(shown, view)


@pytest.mark.parametrize("view", ["flat", "stacked", "channels", "scatter", "stuffed"])
@pytest.mark.parametrize(
    "layer",
    [
        "ConvTranspose2d(2, 2, (2, 3), stride=(3, 2), padding=(0, 1), groups=2)",
        "ConvTranspose2d(2, 1, (3, 2), stride=(2, 1), padding=(3, 2), dilation=(1, 3))",
    ],
)
def test_uneven_strides_and_cuts_keep_to_their_axes(layer: str, view: str) -> None:
    check_lit(film(layer, (2, 3, 4)), view)


def check_lit(shown: Film, view: str) -> None:
    drawing = draw(shown, view)
    for number, frame in some(shown):
        planes = Planes.read(drawing, number)
        window = polygons(drawing.frame(number), Role.WINDOW)
        assert planes.among(window) == terms_of(shown, frame, view)


@limited
@given(settings(*WINDOWS), st.sampled_from(["flat", "stacked", "channels"]))
def test_the_numbers_read_are_the_terms(setting: Setting, view: str) -> None:
    shown = filmed(*setting, kinds=SPECIAL)
    drawing = draw(shown, view)
    first = 0 if view == "channels" else None
    for number, frame in some(shown):
        planes = Planes.read(drawing, number)
        written = planes.numbers(drawing.frame(number))
        start = channels_read(shown, frame.target[0]).start if first is None else first
        top, _, left, _ = shown.padding
        for term in frame.terms:
            channel, row, column = term.cell
            text = written.get((channel - start, row + top, column + left))
            if drawing.cell >= 24 or text:  # else some cells are too small for long numbers
                assert text == cell_text(term.value)


@limited
@given(
    settings(*WINDOWS, "ConvTranspose2d", "MaxUnpool2d"),
    st.sampled_from(["flat", "stacked"]),
    st.booleans(),
)
def test_output_cells_come_when_they_are_complete(setting: Setting, view: str, fine: bool) -> None:
    shown = filmed(*setting, kinds=SPECIAL, fine=fine)
    drawing = draw(shown, view)
    complete: dict[Cell, int] = {}
    for number, frame in enumerate(shown.frames):
        complete[frame.target] = number
    for number, frame in some(shown):
        planes = Planes.written(drawing, number)
        expected = {
            (0, *cell[1:]): cell_text(shown.output.item(cell))
            for cell, since in complete.items()
            if since <= number and cell[0] == frame.target[0]
        }
        written = planes.numbers(drawing.frame(number))  # further planes hold indices
        written = {place: text for place, text in written.items() if place[0] == 0}
        if drawing.cell < 24:  # then some are too small for long numbers
            expected = {place: text for place, text in expected.items() if place in written}
        assert written == expected


@limited
@given(settings("Conv2d", "ConvTranspose2d", "AvgPool2d"))
def test_products_stand_where_their_weights_do(setting: Setting) -> None:
    shown = filmed(*setting)
    drawing = draw(shown, "flat")
    for number, frame in some(shown):
        cells = polygons(drawing.frame(number), Role.FAINT, filled=False)
        letters = Letters.of(drawing.frame(number))
        found = [letters.within(cell) for cell in cells]
        height, width = shown.spec.kernel_size
        first = channels_read(shown, frame.target[0]).start
        expected: list[str | None] = [None] * len(cells)
        for term in frame.terms:
            row, column = term.tap
            place = ((term.cell[0] - first) * height + row) * width + column
            expected[place] = cell_text(term.product)
        assert found == expected


@limited
@given(settings("MaxPool2d"))
def test_the_cell_that_wins_is_marked(setting: Setting) -> None:
    shown = filmed(*setting, kinds=SPECIAL)
    drawing, (top, _, left, _) = draw(shown, "flat"), shown.padding
    for number, frame in some(shown):
        marked = polygons(drawing.frame(number), Role.CHOSEN, filled=False)
        planes = Planes.read(drawing, number)
        expected = set()
        if frame.chosen is not None:
            _, row, column = frame.terms[frame.chosen].cell
            expected = {(0, row + top, column + left)}
            assert frame.flat_index == row * shown.input.shape[2] + column
        assert planes.among(marked) == expected


@limited
@given(settings("Conv2d", "AvgPool2d"))
def test_what_no_window_reads_is_hatched(setting: Setting) -> None:
    shown = filmed(*setting)
    drawing, (top, _, left, _) = draw(shown, "flat"), shown.padding
    read = {(term.cell[1] + top, term.cell[2] + left) for f in shown.frames for term in f.terms}
    planes = Planes.read(drawing, 0)
    hatched = [p for p in polygons(drawing.frame(0), Role.UNVISITED) if p.points[0][0] > 0]
    for cell, place in zip(planes.cells, planes.places, strict=True):
        x, y = middle(cell)
        under = any(
            box.points[0][0] < x < box.points[2][0] and box.points[0][1] < y < box.points[2][1]
            for box in hatched
        )
        assert under is (place[1:] not in read)


@st.composite
def small_sums(draw: st.DrawFn) -> Setting:
    """Layers whose matrices have cells that are large enough for numbers."""
    kind: type[Conv2dSpec | ConvTranspose2dSpec] = draw(
        st.sampled_from([Conv2dSpec, ConvTranspose2dSpec])
    )
    groups = draw(st.integers(1, 2))
    spec = kind(
        groups * draw(st.integers(1, 2)),
        groups,
        kernel_size=draw(st.integers(1, 3)),
        stride=draw(st.integers(1, 2)),
        padding=draw(st.integers(0, 1)),
        dilation=draw(st.integers(1, 2)),
        groups=groups,
    )
    most = 2 if kind is ConvTranspose2dSpec else 4
    shape = (spec.in_channels, draw(st.integers(1, most)), draw(st.integers(1, most)))
    return spec, shape, draw(st.integers(0, 99))


@limited
@given(small_sums())
def test_the_matrix_times_the_input_is_the_output(setting: Setting) -> None:
    shown = filmed(*setting)
    assume(shown.fits)
    drawing = draw(shown, "matrix")
    last = list(drawing.frame(drawing.count - 1))
    above = polygons(last, Role.INPUT)[: shown.input.size]
    beside = polygons(last, Role.OUTPUT, filled=False)
    columns = {round(middle(cell)[0]): number for number, cell in enumerate(above)}
    rows = {round(middle(cell)[1]): number for number, cell in enumerate(beside)}
    letters, matrix = Letters.of(last), np.zeros((shown.output.size, shown.input.size))
    cells = polygons(last, Role.WEIGHT)[:-1]  # the last one is the legend's
    sides = {cell.points[1][0] - cell.points[0][0] for cell in cells}
    assume(min(sides, default=SIGNED) >= SIGNED)
    for cell in cells:
        x, y = middle(cell)
        matrix[rows[round(y)], columns[round(x)]] = float(letters.within(cell) or "nan")
    product = (matrix @ shown.input.ravel()).reshape(shown.output.shape)
    bias = 0.0 if shown.bias is None else shown.bias[:, None, None]
    assert (product + bias).tolist() == shown.output.tolist()


@pytest.mark.parametrize(
    ("layer", "choices", "expected"),
    [
        ("Conv2d(1, 1, 2)", {"weight": [[1, 0], [0, 2]], "bias": 5}, "sum 9|+ bias 5|= 14"),
        ("Conv2d(1, 1, 2)", {"weight": [[1, 0], [0, 2]]}, "sum 9"),
        ("AvgPool2d(2)", {}, "mean 2.5"),
        ("MaxPool2d(2)", {}, "largest 4|index 3"),
    ],
)
def test_the_sum_stands_beneath_the_output(
    layer: str, choices: dict[str, Any], expected: str
) -> None:
    drawing = draw(film(layer, [[1, 2], [3, 4]], **choices), "flat")
    texts = [shape.text for shape in drawing.frame(0) if isinstance(shape, Text)]
    place = texts.index(expected.split("|", maxsplit=1)[0])
    assert texts[place : place + len(expected.split("|"))] == expected.split("|")


def test_a_fine_film_shows_the_sum_so_far() -> None:
    shown = film("Conv2d(1, 1, 2)", [[1, 2], [3, 4]], [[1, 0], [0, 2]], 5, fine=True)
    drawing = draw(shown, "flat")
    sums = [
        [s.text for s in drawing.frame(number) if isinstance(s, Text) and s.text.startswith("sum")]
        for number in range(4)
    ]
    assert sums == [["sum 1"], ["sum 1"], ["sum 1"], ["sum 9"]]


def test_stamps_lie_around_the_target() -> None:
    shown = film("ConvTranspose2d(1, 1, (2, 3), stride=2, padding=(1, 0))", "3x3")
    drawing = draw(shown, "scatter")
    for number, frame in some(shown):
        planes = Planes.written(drawing, number)
        cells = {p[1:]: middle(c) for c, p in zip(planes.cells, planes.places, strict=True)}
        boxes = polygons(drawing.frame(number), Role.WINDOW, filled=False)
        side = planes.cells[0].points[1][0] - planes.cells[0].points[0][0]
        x, y = cells[frame.target[1:]]
        for term in frame.terms:
            left, top = x - (term.tap[1] + 0.5) * side, y - (term.tap[0] + 0.5) * side
            corners = [(left, top), (left + 3 * side, top + 2 * side)]
            assert any(
                np.allclose([box.points[0], box.points[2]], corners, atol=0.01) for box in boxes
            )


def test_a_film_that_begins_in_the_middle_has_what_was_before() -> None:
    shown = film("Conv2d(1, 1, 2)", "4x4").cut(4, 6)
    drawing = draw(shown, "flat")
    assert len(Planes.written(drawing, 0).numbers(drawing.frame(0))) == 5
    assert len(Planes.written(drawing, 1).numbers(drawing.frame(1))) == 6


def test_an_unpooling_shows_where_values_come_from_and_go_to() -> None:
    shown = film("MaxUnpool2d(2)", "2x2")
    drawing = draw(shown, "flat")
    texts = [letters.text for letters in Letters.of(drawing.frame(0)).texts]
    assert shown.origin is not None
    assert shown.indices is not None
    for array in (shown.origin.input, shown.input, shown.indices):
        for value in array.ravel().tolist():
            assert cell_text(value) in texts


@pytest.mark.parametrize("view", ["flat", "stacked"])
def test_a_geometry_that_does_not_fit_lacks_cells(view: str) -> None:
    shown = film("Conv2d(1, 1, 4)", "3x3")
    drawing = draw(shown, view)
    lacking = [p for p in polygons(drawing.frame(0), Role.REFUSED) if len(p.points) == 4]
    assert drawing.count == 1
    assert len(lacking) == 16 - 9 + 1  # and the legend's swatch
    assert "kernel reach 1*(4-1)+1 = 4 > 0+3+0, the padded height" in drawing.captions[0]
