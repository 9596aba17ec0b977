import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from convpool.pictures.views.letters import elided, fitting, width, wrapped


@pytest.mark.parametrize("text", ["-12.3", "1.2e-9", "0123456789", "floor((5 + 1) / 2)", "NaN"])
@pytest.mark.parametrize("size", [9, 12, 40])
def test_the_estimate_has_room_for_the_font_of_pictures(text: str, size: int) -> None:
    font = ImageFont.load_default(size)
    assert font.getlength(text) <= width(text, size) <= 1.7 * font.getlength(text)


@given(st.text(), st.floats(20, 400), st.integers(1, 4), st.booleans())
def test_wrapped_lines_fit(text: str, room: float, lines: int, bold: bool) -> None:
    broken = wrapped(text, 10, room, lines, bold=bold)
    assert 1 <= len(broken) <= lines
    assert all(width(line, 10, bold=bold) <= room for line in broken)


@given(st.lists(st.sampled_from(["one", "two", "kernel_size=(3, 3),", "4"]), min_size=1))
def test_with_room_enough_no_word_is_lost(words: list[str]) -> None:
    assert " ".join(wrapped(" ".join(words), 10, 200, 99)) == " ".join(words)


def test_a_pair_is_not_broken() -> None:
    text = "Conv2d(1, 1, kernel_size=(3, 3), stride=(2, 2))"
    assert wrapped(text, 10, 140, 4) == ("Conv2d(1, 1,", "kernel_size=(3, 3),", "stride=(2, 2))")


def test_a_line_that_fits_is_kept() -> None:
    assert elided("12", 10, 100) == "12"
    assert elided("a long name", 10, 30) == "a lo…"


def test_numbers_shrink_to_their_cells_until_they_would_be_illegible() -> None:
    assert fitting("12", 100, 11, 7) == 11
    smaller = fitting("12345", 30, 11, 7)
    assert smaller is not None
    assert 7 <= smaller < 11
    assert width("12345", smaller) == pytest.approx(30)
    assert fitting("12345", 10, 11, 7) is None
