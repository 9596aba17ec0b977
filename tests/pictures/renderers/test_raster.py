"""GIF, PNG and WebP read back: frames, times, sizes and pixels."""

import io
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from PIL import Image

from convpool import animate
from convpool.pictures.cutting import part
from convpool.pictures.drawing import Drawing, Line, Polygon, Role, Text
from convpool.pictures.renderers import Renderer, renderer
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.painter import paint
from convpool.pictures.renderers.palette import TRANSPARENT, Palette
from convpool.pictures.renderers.reel import size, still
from convpool.pictures.themes import THEMES, Theme
from tests.pictures.renderers.films import drawings
from tests.pictures.renderers.picture import COUNT, flat

EXACT = ("png", "webp")
EVERY_FORMAT = pytest.mark.parametrize("extension", ["gif", "png", "webp"])
EVERY_THEME = pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
NEAR = 40  # of 255: what a palette of 255 colours may be off by at smoothed edges


def frames(content: bytes) -> list[NDArray[np.int16]]:
    with Image.open(io.BytesIO(content)) as image:
        found = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(np.asarray(image.convert("RGB"), np.int16))
    return found


def drawn(drawing: Drawing, frame: int, look: Look) -> NDArray[np.int16]:
    return np.asarray(still(drawing, look, frame), np.int16)


def render(extension: str) -> Renderer:
    return renderer(f"film.{extension}")


@EVERY_FORMAT
@EVERY_THEME
def test_every_frame_is_the_still_of_it(extension: str, theme: Theme) -> None:
    look = Look(theme)
    found = frames(render(extension)(flat(), look))
    assert len(found) == COUNT
    for number, pixels in enumerate(found):
        difference = np.abs(pixels - drawn(flat(), number, look))
        assert difference.max() <= (0 if extension in EXACT else NEAR)
        assert difference.mean() < 1


@settings(max_examples=40)
@given(drawings)
def test_random_films_come_back_frame_by_frame(drawing: Drawing) -> None:
    """What is painted anew is all that changes, wherever shapes overlap or leave the picture.

    Pillow rounds halves away from 0: a slanted line that goes beyond what is painted anew may
    differ there by one of the 16 parts that a pixel is smoothed from.
    """
    for extension in EXACT:
        for number, pixels in enumerate(frames(render(extension)(drawing, Look()))):
            difference = np.abs(pixels - drawn(drawing, number, Look())).max(axis=-1)
            assert difference.max() <= 255 / 16, (extension, number)
            assert np.count_nonzero(difference) <= 4, (extension, number)


def test_a_sign_of_strokes_is_the_same_wherever_it_is_painted_anew() -> None:
    """Pillow draws slanted lines left of 0 otherwise: the multiplication sign is none of them."""
    text = Text((16, 8), "1×2", 6.0, Role.INPUT, range(2), "start")
    line = Line(((16, 8), (20.5, 8)), Role.INPUT, range(1))
    drawing = Drawing(64, 48, (text, line), tuple("ab"), "sign", 16)
    for number, pixels in enumerate(frames(render("png")(drawing, Look()))):
        assert (pixels == drawn(drawing, number, Look())).all()


@EVERY_FORMAT
def test_times_and_sizes_are_what_was_asked_for(extension: str) -> None:
    content = render(extension)(flat(), Look(scale=1.5, seconds=0.25))
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (636, 552)
        assert image.info["loop"] == 0
        for number in range(COUNT):
            image.seek(number)
            image.load()
            assert image.info["duration"] == 250


@EVERY_FORMAT
def test_one_frame_is_a_still_picture(extension: str) -> None:
    content = render(extension)(part(flat(), range(6, 7)), Look())
    (pixels,) = frames(content)
    assert np.abs(pixels - drawn(flat(), 6, Look())).max() <= (0 if extension in EXACT else NEAR)
    with Image.open(io.BytesIO(content)) as image:
        assert not getattr(image, "is_animated", False)


@EVERY_THEME
def test_cells_have_the_colours_of_the_theme(theme: Theme) -> None:
    """Read in the middle between the edge of a cell and its number."""
    pixels = drawn(flat(), 0, Look(theme))
    assert tuple(pixels[102, 62]) == theme.shade(-1.0)  # the first cell of the input, -3
    assert tuple(pixels[70, 30]) == theme.inks[Role.PADDING].fill
    assert tuple(pixels[118, 310]) == theme.inks[Role.OUTPUT].fill
    assert tuple(pixels[10, 300]) == theme.background
    assert tuple(pixels[64, 60]) == theme.inks[Role.WINDOW].stroke
    assert tuple(drawn(flat(), 8, Look(theme))[64, 60]) != theme.inks[Role.WINDOW].stroke


@EVERY_THEME
def test_a_gif_has_plain_colours_as_they_are(theme: Theme) -> None:
    (first, *_) = frames(render("gif")(flat(), Look(theme)))
    for place in ((102, 62), (70, 30), (118, 310), (10, 300), (64, 60)):
        assert np.abs(first[place] - drawn(flat(), 0, Look(theme))[place]).max() <= 4


@EVERY_THEME
def test_a_palette_knows_its_own_colours(theme: Theme) -> None:
    palette = Palette(theme)
    assert len(bytes(palette)) == 768
    assert len(palette.colours) <= TRANSPARENT
    mine = np.array([(*colour, 255) for colour in palette.colours], np.uint8)[None]
    found = np.array(palette.colours)[palette.indices(mine)[0]]
    assert np.abs(found - np.array(palette.colours)).max() <= 3
    assert palette.indices(np.zeros((1, 1, 4), np.uint8))[0, 0] == TRANSPARENT


@EVERY_FORMAT
def test_frames_without_a_change_are_frames_still(extension: str) -> None:
    box = Polygon(((4, 4), (12, 4), (12, 12), (4, 12)), Role.INPUT, range(1, 3))
    drawing = Drawing(17, 17, (box,), ("", "box", "box", ""), "on and off", 8)
    found = frames(render(extension)(drawing, Look()))
    assert len(found) == 4
    assert np.array_equal(found[1], found[2])
    assert np.array_equal(found[0], found[3])
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7, 3.0])
def test_a_picture_in_bands_is_the_picture_at_once(scale: float) -> None:
    """At scale 3 there are six of them."""
    look = Look(scale=scale)
    whole = paint(flat().frame(4), look, (0, 0, *size(flat(), look)))
    assert np.array_equal(np.asarray(still(flat(), look, 4)), np.asarray(whole))


def test_a_thin_line_at_a_whole_coordinate_is_one_pixel_wide() -> None:
    box = Polygon(((4, 4), (12, 4), (12, 12), (4, 12)), Role.INPUT, range(1), filled=False)
    pixels = drawn(Drawing(17, 17, (box,), ("",), "box", 8), 0, Look())
    stroke, paper = Look().theme.inks[Role.INPUT].stroke, Look().theme.background
    assert [tuple(pixel) for pixel in pixels[8, 2:7]] == [paper, paper, stroke, paper, paper]


STREAM = """
import re
from pathlib import Path
from convpool.pictures.drawing import Drawing, Line, Polygon, Role, Text, Text
from convpool.pictures.renderers import renderer
from convpool.pictures.renderers.look import Look

def box(left, top): return ((left, top), (left + 12, top), (left + 12, top + 12), (left, top + 12))

always = range(2000)
shapes = [Polygon(box(c * 12, r * 12), Role.INPUT, always, (r - c) / 40)
          for r in range(40) for c in range(50)]
for frame in always:
    row, column = divmod(frame, 50)
    shapes += [Polygon(box(column * 12, row * 12), Role.WINDOW, range(frame, frame + 1)),
               Text((20, 490), f"frame {frame}", 12, Role.PLAIN, range(frame, frame + 1), "start")]
film = Drawing(600, 500, tuple(shapes), ("",) * 2000, "long", 12)
content = renderer("film.gif")(film, Look())
peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())
print(content.count(b"\\x21\\xf9\\x04"), peak[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the peak of memory")
def test_two_thousand_frames_are_streamed() -> None:
    """At 600×500 they would be 1.8 GB at once.

    Linux alone tells the peak of a program; that of `getrusage` counts the parent's before it too.
    """
    done = subprocess.run(
        [sys.executable, "-c", STREAM], capture_output=True, text=True, check=True
    )
    count, peak = map(int, done.stdout.split())
    assert count == 2000
    assert peak < 300 << 10


def test_a_gif_of_49_frames_takes_less_than_a_second() -> None:
    shown = animate("Conv2d(1, 1, 3, padding=1)", "7x7")
    gif = render("gif")
    start = time.process_time()  # not the clock: other tests may run beside this one
    content = gif(shown.drawing, shown.look)
    assert time.process_time() - start < 1  # 0.42 s on a Zen 5 core
    assert content.count(b"\x21\xf9\x04") == len(shown) == 49
    assert len(content) < 260_000  # of nineteen such, 5 MB
