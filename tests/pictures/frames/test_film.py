"""What a film says beside its frames, how it is cut, what it costs, and what it refuses."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convpool.arithmetic import Window
from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.pictures.frames import film, number_text


def test_numbers_of_their_own_are_the_same_each_time() -> None:
    first, second = (film("Conv2d(2, 3, 3)") for _ in range(2))
    assert first.output.shape == (3, 3, 3)
    np.testing.assert_array_equal(first.input, second.input)
    np.testing.assert_array_equal(first.weight, second.weight)
    counted = film("Conv2d(1, 1, 2)", "2x2", "sequence")
    assert counted.weight is not None
    assert counted.weight.tolist() == [[[[0, 1], [2, 3]]]]


@pytest.mark.parametrize(
    "layer",
    [
        "Conv2d(1, 1, 5, padding=4, padding_mode=reflect)",
        "Conv2d(1, 1, 3, 2, 1)",
        "MaxPool2d(3, dilation=2)",
        "AvgPool2d((1, 4), 3)",
        "ConvTranspose2d(1, 1, 3, 2)",
        "MaxUnpool2d(2)",
    ],
)
def test_a_size_of_its_own_makes_at_least_three_rows_and_columns(layer: str) -> None:
    assert min(film(layer).output.shape[1:]) >= 3


@pytest.mark.parametrize("input", ["2x5x6", (2, 5, 6), np.ones((2, 5, 6)), np.ones((1, 2, 5, 6))])
def test_ways_to_give_an_image(input: Any) -> None:
    assert film("Conv2d(2, 1, 3)", input).input.shape == (2, 5, 6)


def test_sizes_are_one_line_where_the_axes_agree() -> None:
    assert film("MaxPool2d(2, ceil_mode=True)", "5x5").sizes == (
        "height and width: floor((5 + 0 + 0 - 1*(2-1) - 1 + (2-1)) / 2) + 1 = 3",
    )
    assert film("ConvTranspose2d(1, 1, 2)", "2x3").sizes == (
        "height: (2-1)*1 - 0 - 0 + 1*(2-1) + 0 + 1 = 3",
        "width: (3-1)*1 - 0 - 0 + 1*(2-1) + 0 + 1 = 4",
    )


NOTES: dict[tuple[str, str], list[tuple[str, bool, tuple[int, ...], str]]] = {
    ("MaxPool2d(2, ceil_mode=True)", "4x5"): [
        ("extra taken", False, (4, 5), "ceil_mode's window taken: starts at (3-1)*2 = 4 < 5 + 0")
    ],
    ("MaxPool2d(2, 2, 1, ceil_mode=True)", "3x4"): [
        ("unvisited", True, (3,), "last row never read: (2-1)*2 + 2 = 4 < 1+3+1"),
        (
            "extra refused",
            True,
            (3, 4),
            "ceil_mode's window refused: starts at (3-1)*2 = 4 >= 3 + 1",
        ),
    ],
    ("Conv2d(1, 1, 1, stride=3)", "5x4"): [
        ("unvisited", True, (4,), "last row never read: (2-1)*3 + 1 = 4 < 0+5+0"),
        ("unvisited", True, (1, 2), "2 rows between never read: kernel 1, stride 3"),
        ("unvisited", False, (1, 2), "2 columns between never read: kernel 1, stride 3"),
    ],
    ("Conv2d(1, 1, 2, dilation=2, stride=2)", "5x5"): [
        ("unvisited", True, (1, 3), "2 rows between never read: kernel 2, stride 2, dilation 2"),
        ("unvisited", False, (1, 3), "2 columns between"),
    ],
    ("AvgPool2d(3)", "2x5"): [
        ("no fit", True, (0, 1, 2), "kernel reach 1*(3-1)+1 = 3 > 0+2+0, the padded height")
    ],
    ("ConvTranspose2d(1, 1, 2, padding=(2, 0))", "2x2"): [
        ("no fit", True, (0, 1, 2), "padding 2+2 takes all 3 of the full output height")
    ],
    ("Conv2d(1, 1, 3, padding=(0, 2), padding_mode=reflect)", "4x2"): [
        ("no fit", False, (-2, -1, 0, 1, 2, 3), "padding is (2, 2), but must be at most 1")
    ],
}


@pytest.mark.parametrize("setting", NOTES, ids=str)
def test_notes(setting: tuple[str, str]) -> None:
    notes = film(*setting).notes
    for note, (kind, vertical, cells, start) in zip(notes, NOTES[setting], strict=True):
        assert (note.kind, note.vertical, note.cells) == (kind, vertical, cells)
        assert note.text.startswith(start)


@settings(deadline=None)
@given(st.builds(
    Window,
    size=st.integers(1, 12), kernel=st.integers(1, 4), stride=st.integers(1, 5),
    before=st.integers(0, 2), after=st.integers(0, 2), dilation=st.integers(1, 3),
    ceil_mode=st.booleans(),
))  # fmt: skip
def test_a_position_is_read_or_unread(axis: Window) -> None:
    touched = np.zeros(axis.padded + axis.reach + axis.stride, bool)
    for window in range(axis.output):
        start = window * axis.stride
        touched[start : start + axis.reach : axis.dilation] = True
    expected = np.flatnonzero(~touched[: axis.padded]) - axis.before
    assert axis.unread == tuple(expected)
    fits = (axis.padded - axis.reach) // axis.stride + 1
    assert axis.has_extra == (
        axis.ceil_mode and (fits - 1) * axis.stride + axis.reach < axis.padded
    )


def test_a_geometry_that_does_not_fit_shows_its_first_window() -> None:
    shown = film("Conv2d(1, 1, 4, padding=1)", [[5]])
    assert not shown.fits
    assert shown.output.size == 0
    (frame,) = shown.frames
    values = np.array([term.value for term in frame.terms]).reshape(4, 4)
    there = np.zeros((3, 3))
    there[1, 1] = 5
    np.testing.assert_array_equal(values[:3, :3], there)
    assert np.isnan(values[3]).all()
    assert np.isnan(values[:, 3]).all()
    assert len(film("Conv2d(1, 1, 4)", "2x2", fine=True).frames) == 16


def test_cut_and_channel() -> None:
    whole = film("Conv2d(1, 3, 3)", "5x5")
    assert len(whole.frames) == 27
    part = whole.cut(10, 12)
    assert [frame.target for frame in part.frames] == [(1, 0, 1), (1, 0, 2)]
    assert [frame.target[0] for frame in film("Conv2d(1, 3, 3)", "4x4", channel=2).frames] == [
        2
    ] * 4
    assert len(whole.cut(20).frames) == 7
    for first, end in ((5, 5), (-1, 3), (0, 28), (27, None)):
        with pytest.raises(ArgumentError, match=r"^frames is '.*', but must be A:B with"):
            whole.cut(first, end)


def test_thousands_of_frames_cost_little_memory() -> None:
    tracemalloc.start()
    shown = film("Conv2d(3, 1, 5, padding=2)", "64x64", fine=True)
    assert len(shown.frames) == 64 * 64 * 75
    assert sum(len(frame.terms) for frame in shown.cut(100_000, 102_000).frames) == 150_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "weight's shape": (
        {"layer": "Conv2d(1, 1, 3)", "input": "5x5", "weight": [1, 2]},
        "shape of weight is (2,), but must be (1, 1, 3, 3)",
    ),
    "a word for weights": (
        {"layer": "Conv2d(1, 1, 3)", "input": "5x5", "weight": "ones"},
        "weight is 'ones', but must be numbers of shape (1, 1, 3, 3), 'random' or 'sequence'",
    ),
    "weights of a pooling": ({"layer": "MaxPool2d(2)", "weight": "random"}, "weight is 'random'"),
    "bias without one": ({"layer": "Conv2d(1, 1, 3, bias=False)", "bias": [1]}, "bias is [1]"),
    "indices of a convolution": ({"layer": "Conv2d(1, 1, 3)", "indices": [[1]]}, "indices is"),
    "channels": (
        {"layer": "Conv2d(2, 1, 3)", "input": "3x5x5"},
        "input is (3, 5, 5), but must be of 2 channels, not 3",
    ),
    "no such channel": (
        {"layer": "Conv2d(1, 2, 3)", "channel": 2},
        "channel is 2, but must be a whole number from 0 to 1",
    ),
    "an axis too few": ({"layer": "MaxPool2d(2)", "input": [1, 2]}, "shape of input is (2,)"),
    "a batch": ({"layer": "MaxPool2d(2)", "input": "2x1x4x4"}, "shape of input is (2, 1, 4, 4)"),
    "ragged": ({"layer": "MaxPool2d(2)", "input": [[1], [1, 2]]}, "input is [[1], [1, 2]]"),
    "an input without end": (
        {"layer": "MaxPool2d(2)", "input": "99999x99999"},
        "shape of input is (1, 99999, 99999), but must be of at most 16,777,216 cells",
    ),
    "weights without end": (
        {"layer": "Conv2d(1, 1, 99999)", "input": "5x5"},
        "shape of weight is (1, 1, 99999, 99999)",
    ),
    "an index outside": (
        {"layer": "MaxUnpool2d(2)", "input": [[1]], "indices": [[4]]},
        "indices is 4.0, but must be a whole number from 0 to 3",
    ),
    "indices of another shape": (
        {"layer": "MaxUnpool2d(2)", "input": [[1]], "indices": [1, 2]},
        "shape of indices is (2,), but must be (1, 1, 1)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input(name: str) -> None:
    arguments, message = WRONG[name]
    with pytest.raises(ArgumentError) as caught:
        film(**arguments)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layer": 3}, "layer is 3"),
        ({"layer": "MaxPool2d(2)", "input": [["a"]]}, "input is"),
        ({"layer": "MaxPool2d(2)", "input": np.ones((3, 3), complex)}, "input is"),
        ({"layer": "MaxPool2d(2)", "channel": 0.5}, "channel is 0.5"),
    ],
)
def test_wrong_kind(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentTypeError) as caught:
        film(**arguments)
    assert str(caught.value).startswith(message)


@settings(deadline=None)
@given(st.floats(-1e300, 1e300) | st.sampled_from([np.nan, np.inf, -np.inf]))
def test_numbers_are_short_and_near(value: float) -> None:
    text = number_text(value)
    if not np.isfinite(value):
        assert float(text) == value or np.isnan(value)
        return
    assert len(text) <= 7 if "e" in text else len(text) <= 5
    near = 0.051 if 0.1 <= abs(value) < 1e5 and "e" not in text else 0.34
    assert abs(float(text) - value) <= near * abs(value)
