"""Nothing overlaps, nothing is cut, and what can't be drawn legibly is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from convpool.errors import ArgumentError
from convpool.pictures.drawing import Drawing, Text
from convpool.pictures.frames import film
from convpool.pictures.views import VIEWS, draw, views_of
from convpool.pictures.views.letters import width
from convpool.spec import LAYERS, LayerSpec
from tests.pictures.frames.films import SPECIAL, filmed, settings

Setting = tuple[LayerSpec, tuple[int, int, int], int]


def boxes(drawing: Drawing, frame: int) -> tuple[list[str], np.ndarray]:
    """The texts of a frame, and their left, top, right and bottom: the height is a capital's."""
    texts, found = [], []
    for shape in drawing.frame(frame):
        if isinstance(shape, Text):
            wide = width(shape.text, shape.size, bold=shape.bold)
            left = shape.place[0] - {"start": 0.0, "middle": 0.5, "end": 1.0}[shape.anchor] * wide
            top = shape.place[1] - 0.4 * shape.size
            texts.append(shape.text)
            found.append((left, top, left + wide, top + 0.8 * shape.size))
    return texts, np.array(found)


def check(drawing: Drawing) -> None:
    for frame in {0, drawing.count // 2, drawing.count - 1}:
        texts, found = boxes(drawing, frame)
        left, top, right, bottom = found.T
        across = np.minimum.outer(right, right) - np.maximum.outer(left, left)
        along = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
        over = (across > 0.01) & (along > 0.01)
        np.fill_diagonal(over, val=False)
        assert not over.any(), [(texts[a], texts[b]) for a, b in np.argwhere(over)]
        assert left.min() >= 0
        assert top.min() >= 0
        assert right.max() <= drawing.width, texts[int(right.argmax())]
        assert bottom.max() <= drawing.height
    for shape in drawing.shapes:
        points = (shape.place,) if isinstance(shape, Text) else shape.points
        for x, y in points:
            assert 0 <= x <= drawing.width
            assert 0 <= y <= drawing.height


@limits(deadline=None, max_examples=50)
@given(settings(*LAYERS), st.sampled_from(sorted(VIEWS)), st.booleans())
def test_texts_keep_apart_and_all_lies_within(setting: Setting, view: str, fine: bool) -> None:
    shown = filmed(*setting, kinds=SPECIAL, fine=fine)
    try:
        drawing = draw(shown, view if view in views_of(shown.spec) else None)
    except ArgumentError as error:
        if "told apart" not in str(error):
            raise
        return
    check(drawing)


@pytest.mark.parametrize(
    ("layer", "image"),
    [
        ("Conv2d(1, 1, 7)", "5x5"),
        ("Conv2d(1, 1, 3, padding=4, padding_mode='reflect')", "4x4"),
        ("MaxPool2d(9)", "3x3"),
        ("ConvTranspose2d(1, 1, 2, padding=3)", "3x3"),
    ],
)
@pytest.mark.parametrize("view", ["flat", "stacked", "channels"])
def test_geometries_that_do_not_fit_are_drawn_well(layer: str, image: str, view: str) -> None:
    drawing = draw(film(layer, image), view)
    assert drawing.count == 1
    check(drawing)


@pytest.mark.parametrize(
    "values", [[1e9, -1234567890.0], [1e-12, -0.1234567], [np.nan, np.inf], [-np.inf, 99999.5]]
)
@pytest.mark.parametrize("view", ["flat", "stacked", "channels", "matrix"])
def test_long_and_strange_numbers_keep_to_their_cells(values: list[float], view: str) -> None:
    image = np.resize(np.array(values), (3, 3))
    check(draw(film("Conv2d(1, 1, 2, padding=1)", image, [values, values]), view))


@pytest.mark.parametrize("view", ["flat", "stacked", "channels", "matrix"])
def test_usual_layers_have_legible_numbers(view: str) -> None:
    drawing = draw(film("Conv2d(1, 1, 3)", "7x7" if view != "matrix" else "5x5"), view)
    sizes = {s.size for s in drawing.shapes if isinstance(s, Text) and s.anchor == "middle"}
    assert min(sizes) >= 10.5


@pytest.mark.parametrize(
    ("layer", "image", "view"),
    [
        ("Conv2d(1, 1, 3)", "300x2", "flat"),
        ("Conv2d(1, 1, 3)", "20x20", "matrix"),
        ("Conv2d(80, 80, 1)", (80, 3, 3), "channels"),
        ("MaxPool2d(2)", "3000x3000", "stacked"),
    ],
)
def test_too_many_cells_are_refused_with_the_limit_and_a_way_out(
    layer: str, image: str, view: str
) -> None:
    expected = r"at most \d+ to be told apart; draw a part of the input \(--crop 16x16"
    with pytest.raises(ArgumentError, match=expected):
        draw(film(layer, image), view)


def test_a_view_that_a_layer_lacks_is_refused_with_those_that_it_has() -> None:
    shown = film("MaxPool2d(2)", "4x4")
    with pytest.raises(ArgumentError, match="one of flat, stacked, channels for MaxPool2d"):
        draw(shown, "matrix")
    with pytest.raises(ArgumentError, match="view is 'no_such_view'"):
        draw(shown, "no_such_view")


def test_thousands_of_frames_need_few_shapes() -> None:
    shown = film("Conv2d(1, 1, 3, padding=1)", "45x45")
    drawing = draw(shown, "flat")
    assert drawing.count == 2025
    assert len(drawing.shapes) < 30 * drawing.count  # repeated frame by frame, it would be 8,000
