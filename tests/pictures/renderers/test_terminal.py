"""The terminal: numbers in boxes, colours of the theme or none, and a cursor that comes back."""

import io
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace

import pytest

from convpool.pictures.animation import animate
from convpool.pictures.drawing import Drawing, Polygon, Role, Shape, Text
from convpool.pictures.renderers.box_drawing import BOX_SIGNS
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.terminal import play, text
from convpool.pictures.themes import THEMES, Theme
from tests.pictures.renderers.picture import COUNT, flat, total

CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")

PLAIN = """\


     Conv2d(1, 1, 3, stride=2, padding=1)
     floor((5 + 2×1 − 3) / 2) + 1 = 3
     ┌╌╌╌╌╌┬╌╌╌╌╌┬╌╌╌╌╌┬╌╌╌╌╌┬╌╌╌╌╌┬╌╌╌╌╌┬╌╌╌╌╌┐
     ╎  0  ╎  0  ╎  0  ╎  0  ╎  0  ╎  0  ╎  0  ╎
     ├╌╌╌╌╌┼─────┼─────┼─────┼─────┼─────┼╌╌╌╌╌┤
     ╎  0  │ -3  │  0  │  3  │ -1  │  2  │  0  ╎         ┌─────┬─────┬─────┐
     ├╌╌╌╌╌┼─────╆━━━━━┿━━━━━┿━━━━━╅─────┼╌╌╌╌╌┤         │ -3  │ -2  │ -2  │
     ╎  0  │  2  ┃ -2  │  1  │ -3  ┃  0  │  0  ╎         ├─────╆━━━━━╅─────┤
     ├╌╌╌╌╌┼─────╂─────┼─────┼─────╂─────┼╌╌╌╌╌┤         │  2  ┃ -2  ┃     │
     ╎  0  │  0  ┃  3  │ -1  │  2  ┃ -2  │  0  ╎         ├─────╄━━━━━╃─────┤
     ├╌╌╌╌╌┼─────╂─────┼─────┼─────╂─────┼╌╌╌╌╌┤         │     │     │     │
     ╎  0  │ -2  ┃  1  │ -3  │  0  ┃  3  │  0  ╎         └─────┴─────┴─────┘
     ├╌╌╌╌╌┼─────╄━━━━━┿━━━━━┿━━━━━╃─────┼╌╌╌╌╌┤
     ╎  0  │  3  │ -1  │  2  │ -2  │  1  │  0  ╎
     ├─────┼─────┼─────┼─────┼─────┼─────┼─────┤
     │╱╱0╱╱│╱╱0╱╱│╱╱0╱╱│╱╱0╱╱│╱╱0╱╱│╱╱0╱╱│╱╱0╱╱│
     └─────┴─────┴─────┴─────┴─────┴─────┴─────┘

     the sum of nine products is -2
      ■ input     ◌ padding     ■  chosen    ▨  unvisited     ▨  refused

5/9  output cell 5 of 9: -2"""


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def slanted() -> Drawing:
    """Cells that lie on a slant, as in an isometric view."""

    def slant(shape: Shape) -> Shape:
        if isinstance(shape, Text):
            return replace(shape, place=(shape.place[0] + shape.place[1] / 2, shape.place[1]))
        return replace(shape, points=tuple((x + y / 2, y) for x, y in shape.points))

    upright = flat()
    return replace(upright, width=608, shapes=tuple(map(slant, upright.shapes)))


def test_a_frame_in_plain_text() -> None:
    assert text(flat(), 4, Look(), 80, colours=False) == PLAIN


@pytest.mark.parametrize("number", range(COUNT))
def test_every_frame_has_its_number_in_the_output(number: int) -> None:
    lines = text(flat(), number, Look(), 80, colours=False).split("\n")
    row, column = divmod(number, 3)
    cells = [cell.strip() for cell in re.split("[│┃]", lines[8 + 2 * row + (row < 0)][56:])[1:4]]
    assert cells[column] == str(total(number))
    assert all(not cell for cell in cells[column + 1 :])


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_with_colours_it_is_the_same_text(theme: Theme) -> None:
    coloured = text(flat(), 4, Look(theme), 80, colours=True)
    bare = [line.rstrip() for line in CODES.sub("", coloured).split("\n")]
    assert "\n".join(bare) == PLAIN
    for colour in (theme.shade(-1.0), theme.inks[Role.PADDING].fill, theme.background):
        assert colour is not None
        assert ";48;2;{};{};{}m".format(*colour) in coloured
    assert "38;2;{};{};{};".format(*theme.inks[Role.WINDOW].stroke) in coloured
    assert all(line.endswith("\x1b[0m") for line in coloured.split("\n")[:-1])


@pytest.mark.parametrize("columns", [20, 46, 60, 80, 200])
@pytest.mark.parametrize("drawing", [flat, slanted])
@pytest.mark.parametrize("colours", [True, False])
def test_no_line_is_wider_than_the_terminal(
    columns: int, drawing: Callable[[], Drawing], colours: bool
) -> None:
    lines = CODES.sub("", text(drawing(), 0, Look(), columns, colours=colours)).split("\n")
    assert max(map(len, lines)) <= columns


def test_slanted_cells_keep_their_numbers() -> None:
    for colours, sign in ((True, "▀"), (False, "⠉")):
        shown = CODES.sub("", text(slanted(), 4, Look(), 100, colours=colours))
        assert sign in shown
        assert "the sum of nine products is -2" in shown
        assert len(re.findall("-3", shown)) == 4  # three cells of the input, one of the output


def test_a_heading_stands_above_its_grid() -> None:
    shown = animate("Conv2d(1, 1, 3, stride=2, padding=1)", "5x5").drawing
    lines = text(shown, 4, Look(), 80, colours=False).splitlines()
    headings = [line for line in lines if re.search("kernel +products", line)]
    assert [line.split() for line in headings] == [["kernel", "products"]]


def test_half_blocks_have_the_colours_of_the_picture() -> None:
    square = Polygon(((0, 20), (20, 0), (40, 20), (20, 40)), Role.INPUT, range(1), 1.0)
    drawing = Drawing(40, 40, (square,), ("",), "a square on its corner", 40)
    row = text(drawing, 0, Look(), 40, colours=True).split("\n")[5]
    orange, paper = ("{};{};{}".format(*colour) for colour in (Look().theme.shade(1.0), (255,) * 3))
    assert f"38;2;{orange};48;2;{orange}m▀" in row
    assert f"38;2;{paper};48;2;{paper}m▀" in row


def test_what_covers_hides_lines_without_colours_too() -> None:
    lower = Polygon(((0, 20), (20, 0), (40, 20), (20, 40)), Role.INPUT, range(1))
    whole = Polygon(((0, 0), (40, 0), (40, 40), (0, 40)), Role.INPUT, range(1))
    shown = text(Drawing(41, 41, (lower, whole), ("",), "", 8), 0, Look(), 41, colours=False)
    assert "⠀" not in shown
    inner = [line[3:-3] for line in shown.split("\n")[2:-4]]
    assert not "".join(inner).strip()


def test_it_plays_in_place_and_shows_the_cursor_again() -> None:
    screen = Screen()
    play(flat(), Look(), screen)
    written = screen.getvalue()
    height = PLAIN.count("\n") + 1
    assert written.startswith("\x1b[?25l")
    assert written.endswith("\x1b[0m\x1b[?25h")
    assert written.count(f"\x1b[{height}A") == COUNT - 1
    assert [f"{n + 1}/9 " in written for n in range(COUNT)] == [True] * COUNT


def test_ctrl_c_leaves_the_terminal_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def interrupted(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 25:
            raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupted)
    screen = Screen()
    play(flat(), Look(seconds=0.3), screen, times=None)
    assert screen.getvalue().endswith("\x1b[0m\x1b[?25h")
    assert len(pauses) == 25  # more than two rounds
    assert 0.1 < max(pauses) <= 0.3  # what drawing a frame leaves of its time


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    play(flat(), Look(), screen)
    assert "38;2" not in screen.getvalue()
    assert "48;2" not in screen.getvalue()


def test_what_is_no_terminal_gets_no_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    play(flat(), Look(), stream)
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("Conv2d(") == COUNT


def test_a_low_terminal_gets_no_more_lines_than_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "12")
    screen = Screen()
    play(flat(), Look(), screen)
    assert screen.getvalue().count("\x1b[11A") == COUNT - 1
    assert screen.getvalue().count("\n") == COUNT * 11


@pytest.mark.parametrize(("weights", "sign"), BOX_SIGNS.items())
def test_box_signs_are_what_unicode_calls_them(weights: tuple[int, ...], sign: str) -> None:
    """Each arm's weight, read from the character's name."""
    if not any(weights):
        assert sign == " "
        return
    words = unicodedata.name(sign).removeprefix("BOX DRAWINGS ").replace(" AND ", " ").split()
    assert named(words) == weights


def named(words: list[str]) -> tuple[int, ...]:
    """The weights up, right, down, left in a name such as "LEFT HEAVY RIGHT VERTICAL LIGHT"."""
    arms: dict[str, tuple[int, ...]] = {"UP": (0,), "RIGHT": (1,), "DOWN": (2,), "LEFT": (3,)}
    arms |= {"VERTICAL": (0, 2), "HORIZONTAL": (1, 3)}
    strength = {"LIGHT": 1, "HEAVY": 2}
    found = [0, 0, 0, 0]
    leading = words[0] in strength  # "LIGHT UP HEAVY DOWN" or "UP LIGHT DOWN HEAVY"
    only = strength[words[0]] if leading else 0
    waiting: list[str] = []
    for word in words:
        if word in strength:
            only = strength[word]
            for arm in waiting if not leading else []:
                for place in arms[arm]:
                    found[place] = only
            waiting = []
        elif leading:
            for place in arms[word]:
                found[place] = only
        else:
            waiting.append(word)
    return tuple(found)
