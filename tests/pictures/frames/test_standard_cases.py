"""The fifteen standard animations and the four numerical ones, as films."""

from typing import Any

import numpy as np
import pytest

from convpool.pictures.frames import film
from tests.test_cases import ANIMATIONS

PAPER_INPUT = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
PAPER_KERNEL = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]


@pytest.mark.parametrize("case", ANIMATIONS["convolution"], ids=lambda case: case["name"])
def test_convolutions(case: dict[str, Any]) -> None:
    k, s, p, d, i = (case[letter] for letter in "kspdi")
    shown = film(f"Conv2d(1, 1, {k}, {s}, {p}, {d})", f"{i}x{i}")
    assert shown.output.shape == (1, case["o"], case["o"])
    assert len(shown.frames) == case["frames"]
    assert len(film(shown.spec, (i, i), fine=True).frames) == case["frames"] * k * k
    unvisited = [(note.vertical, note.cells) for note in shown.notes if note.kind == "unvisited"]
    odd = case.get("note") == "the last padded row and column are never visited"
    assert unvisited == ([(True, (i,)), (False, (i,))] if odd else [])
    assert len(shown.notes) == len(unvisited)


@pytest.mark.parametrize("case", ANIMATIONS["transposed"], ids=lambda case: case["name"])
def test_transposed(case: dict[str, Any]) -> None:
    k, s, p, op, i = (case[letter] for letter in ("k", "s", "p", "op", "i"))
    shown = film(f"ConvTranspose2d(1, 1, {k}, {s}, {p}, {op})", f"{i}x{i}")
    assert shown.output.shape == (1, case["o"], case["o"])
    assert len(shown.frames) == case["frames"]
    e = case["equivalent_padding"]
    assert shown.padding == (e, e + op, e, e + op)
    # The stamps that reach a cell are the real ones among those of its zero-stuffed window.
    assert max(len(frame.terms) for frame in shown.frames) <= k * k
    edge = [frame for frame in shown.frames if max(frame.target) == case["o"] - 1]
    assert all(frame.terms for frame in edge) == (op == 0 or p > 0)


@pytest.mark.parametrize("case", ANIMATIONS["numerical"], ids=lambda case: case["name"])
def test_numerical(case: dict[str, Any]) -> None:
    layers = {"conv": "Conv2d(1, 1, {})", "avgpool": "AvgPool2d({})", "maxpool": "MaxPool2d({})"}
    layer = layers[case["op"]].format(f"{case['k']}, stride={case['s']}, padding={case['p']}")
    kernel = PAPER_KERNEL if case["op"] == "conv" else None
    shown = film(layer, PAPER_INPUT, kernel)
    assert shown.output.shape == (1, case["o"], case["o"])
    # As printed in the figures of arXiv 1603.07285.
    printed = {
        "numerical_no_padding_no_strides": [[12, 12, 17], [10, 17, 19], [9, 6, 14]],
        "numerical_padding_strides": [[6, 17, 3], [8, 17, 13], [6, 4, 4]],
        "numerical_average_pooling": [[1.7, 1.7, 1.7], [1.0, 1.2, 1.8], [1.1, 0.8, 1.3]],
        "numerical_max_pooling": [[3, 3, 3], [3, 3, 3], [3, 2, 3]],
    }
    np.testing.assert_array_equal(np.round(shown.output[0], 1), printed[case["name"]])


def test_an_average_in_words() -> None:
    shown = film("AvgPool2d(3, 1)", PAPER_INPUT)
    assert shown.frames[0].equation == "(3 + 3 + 2 + 0 + 0 + 1 + 3 + 1 + 2) / 9 = 1.67"
    assert film("MaxPool2d(3, 1)", PAPER_INPUT).frames[0].equation == (
        "max(3, 3, 2, 0, 0, 1, 3, 1, 2) = 3 at index 0"
    )
