import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from convpool.pictures.lettering import Lettering

BLACK = Lettering(16, (0, 0, 0))


def written(text: str) -> npt.NDArray[np.uint8]:
    image = Image.new("RGB", (300, 40), "white")
    BLACK.write(ImageDraw.Draw(image), 4, 4, text)
    return np.asarray(image)


@settings(deadline=None)
@given(st.text(), st.integers(30, 300), st.integers(1, 4))
def test_wrapped_lines_are_within_the_width(text: str, width: int, lines: int) -> None:
    wrapped = BLACK.wrapped(text, width, lines)
    assert len(wrapped) <= lines
    assert all(BLACK.width(line) <= width for line in wrapped)


def test_a_short_text_is_kept_word_by_word() -> None:
    assert BLACK.wrapped("one two three", 1000, 3) == ["one two three"]
    assert BLACK.wrapped("one two three", BLACK.width("three"), 3) == ["one", "two", "three"]
    assert BLACK.wrapped("", 100, 3) == []
    assert BLACK.wrapped(" \n ", 100, 3) == []


def test_pairs_among_arguments_are_not_broken() -> None:
    text = "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))"
    for width in range(170, 400, 10):
        for line in BLACK.wrapped(text, width, 5):
            assert line.count("(") - line.startswith("Conv2d") == line.rstrip(",").count(
                ")"
            ) - line.endswith("))")


def test_the_multiplication_sign_is_drawn() -> None:
    sign = written("8 × 8")
    assert (sign != written("8   8")).any()
    assert (sign != written("8 x 8")).any()
    assert BLACK.width("×") > 0


@pytest.mark.parametrize(
    ("text", "spelled"), [("→", "->"), ("−1", "-1"), ("Käse", "Kase"), ("猫", "?"), ("a\tb", "a b")]
)
def test_signs_that_the_font_lacks_are_spelled(text: str, spelled: str) -> None:
    assert (written(text) == written(spelled)).all()
    assert BLACK.elided(text, 100) == spelled
