"""Hatching stays within its shape, dashes fit their line."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convpool.pictures.renderers.marks import arrow_head, dashes, hatching

COORDINATE = st.floats(-100, 100, allow_nan=False)


@given(st.tuples(COORDINATE, COORDINATE), st.floats(1, 60), st.floats(1, 60), st.floats(2, 12))
def test_hatching_lies_within_its_box_and_on_one_raster(
    corner: tuple[float, float], width: float, height: float, gap: float
) -> None:
    left, top = corner
    right, bottom = left + width, top + height
    lines = hatching(((left, top), (right, top), (right, bottom), (left, bottom)), gap)
    assert len(lines) >= math.floor((width + height) / gap) - 1
    for line in lines:
        for x, y in line:
            assert left - 1e-6 <= x <= right + 1e-6
            assert top - 1e-6 <= y <= bottom + 1e-6
            assert (x + y) / gap == pytest.approx(round((x + y) / gap), abs=1e-6)


@given(st.floats(0.5, 200), st.sampled_from([(3.0, 3.0), (7.0, 3.0, 2.0, 3.0)]))
def test_dashes_begin_and_end_with_half_a_stroke(length: float, pattern: tuple[float, ...]) -> None:
    strokes = [(start[0], end[0]) for start, end in dashes(((0.0, 5.0), (length, 5.0)), pattern)]
    assert strokes[0][0] == 0
    assert strokes[-1][1] == pytest.approx(length)
    assert all(start < end for start, end in strokes)
    assert all(end < start for (_, end), (start, _) in pairwise(strokes))
    drawn = sum(end - start for start, end in strokes)
    assert drawn / length == pytest.approx(sum(pattern[::2]) / sum(pattern))
    assert strokes[0][1] == pytest.approx(length - strokes[-1][0])


def test_a_side_seen_from_the_other_end_has_the_same_dashes() -> None:
    there = sorted(tuple(sorted(stroke)) for stroke in dashes(((0, 0), (32, 0)), (3, 3)))
    back = sorted(tuple(sorted(stroke)) for stroke in dashes(((32, 0), (0, 0)), (3, 3)))
    assert [sum(map(sum, stroke)) for stroke in there] == pytest.approx(
        [sum(map(sum, stroke)) for stroke in back]
    )


def test_a_line_without_length_has_no_dashes() -> None:
    assert list(dashes(((1, 1), (1, 1)), (3, 3))) == []


def test_an_arrow_points_along_the_last_piece_of_its_line() -> None:
    tip, left, right = arrow_head(((0, 0), (50, 0), (50, 20)), 2.0)
    assert tip == (50, 20)
    assert left[1] == right[1] < 20
    assert left[0] - 50 == 50 - right[0] > 0
