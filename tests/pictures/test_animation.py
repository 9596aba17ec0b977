"""Animations from Python: what they show, how they are cut, and how a notebook gets them."""

import io
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convpool
from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.pictures import Animation, animate
from convpool.pictures.views import VIEWS, views_of


def test_the_package_has_it_by_name() -> None:
    assert convpool.animate is animate


def test_every_view_of_every_layer_has_the_film_s_frames() -> None:
    shown = 0
    for layer in (
        "Conv2d(2, 2, 3, padding=1, padding_mode=reflect)",
        "MaxPool2d(2, ceil_mode=True)",
        "AvgPool2d(3, 2, 1)",
        "ConvTranspose2d(1, 2, 2, stride=2)",
        "MaxUnpool2d(2)",
    ):
        spec = convpool.parse_layer(layer)
        count = len(animate(spec, "3x3"))
        for view in views_of(spec):
            animation = animate(spec, "3x3", view=view)
            assert len(animation) == count == len(set(animation.drawing.captions))
            shown += 1
        assert set(views_of(spec)) <= set(VIEWS)
    assert shown > len(VIEWS)


def test_frames_of_a_cut_are_those_of_the_whole() -> None:
    whole = animate("Conv2d(1, 1, 3)", "6x6")
    part = animate("Conv2d(1, 1, 3)", "6x6", frames=(4, 7))
    assert part.drawing.captions == whole.drawing.captions[4:7]
    assert (
        animate("Conv2d(1, 1, 3)", "6x6", frames=(14, None)).drawing.captions
        == (whole.drawing.captions[14:])
    )
    assert whole.frame(-1).drawing.captions == whole.drawing.captions[-1:]
    assert len(whole.strip()) == 1


def test_a_crop_is_the_middle() -> None:
    image = np.arange(100.0).reshape(10, 10)
    (caption,) = animate("MaxPool2d(2)", image, crop=(2, 2)).drawing.captions
    assert caption.endswith("max(44, 45, 54, 55) = 55 at index 3")
    assert len(animate("MaxPool2d(2)", image, crop=(99, 2))) == 5


def test_one_drawing_in_every_format(tmp_path: Path) -> None:
    animation = animate("Conv2d(1, 1, 2)", "4x4", theme="dark", speed=5)
    for extension in ("svg", "gif", "png", "webp", "html"):
        animation.save(tmp_path / f"film.{extension}")
        animation.frame(3).save(tmp_path / f"still.{extension}")
    for path in (tmp_path / "film.gif", tmp_path / "film.png", tmp_path / "film.webp"):
        with Image.open(path) as film, Image.open(tmp_path / f"still{path.suffix}") as still:
            assert getattr(film, "n_frames", 1) == 9
            film.seek(3)
            mine = np.asarray(film.convert("RGB")).astype(int)
            alone = np.asarray(still.convert("RGB")).astype(int)
            assert np.abs(mine - alone).mean() < 1  # WebP's loss, GIF's palette
            film.load()
            assert film.info["duration"] == 100
    for caption in animation.drawing.captions:
        assert caption in (tmp_path / "film.svg").read_text()
        assert caption in (tmp_path / "film.html").read_text()


def test_a_notebook_gets_a_player() -> None:
    animation = animate("MaxPool2d(2)", "4x4")
    markup = animation._repr_html_()
    assert markup.startswith("<iframe srcdoc=")
    page = unescape(markup.split('"')[1])
    assert page.startswith("<!doctype html>")
    assert animation.drawing.captions[2] in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "https://" not in page


def test_numbers_that_are_none_are_drawn() -> None:
    image = [[np.nan, np.inf], [-np.inf, 1234567890.0]]
    text = io.StringIO()
    for shape in animate("Conv2d(1, 1, 1)", image, [[1]]).drawing.shapes:
        text.write(f"{getattr(shape, 'text', '')}\n")
    written = set(text.getvalue().split("\n"))
    assert {"NaN", "∞", "−∞", "1.23e9"} <= written


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"view": "side"}, "view is 'side', but must be one of flat"),
        ({"theme": "pink"}, "theme is 'pink'"),
        ({"speed": 0}, "speed is 0, but must be a number from 0.01 to 25"),
        ({"frames": (3, 2)}, "frames is '3:2'"),
        ({"crop": (0, 1)}, "crop[0] is 0"),
        ({"input": "999x2"}, "number of cells side by side is 99"),
        ({"layer": "MaxUnpool2d(2)", "crop": (1, 1)}, "crop is (1, 1), but must be left out"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        animate(**{"layer": "MaxPool2d(2)", "input": "6x6", **arguments})
    assert str(caught.value).startswith(message)


def test_wrong_kinds() -> None:
    with pytest.raises(ArgumentTypeError, match=r"^speed is 'fast'"):
        animate("MaxPool2d(2)", speed="fast")  # type: ignore[arg-type]
    shown: Animation = animate("MaxPool2d(2)")
    with pytest.raises(ArgumentTypeError, match=r"^frame is 0\.5"):
        shown.frame(0.5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"one of \.svg"):
        shown.save("film.bmp")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_two_thousand_frames_stay_below_300_mb() -> None:
    """Read from /proc, since getrusage's peak includes that of the process that started this."""
    program = """
import re, tempfile
from pathlib import Path
from convpool import animate
shown = animate("Conv2d(1, 1, 3, padding=1)", "64x64", frames=(0, 2000))
with tempfile.TemporaryDirectory() as folder:
    shown.save(folder + "/film.svg")
    shown.save(folder + "/film.html")
    animate("Conv2d(1, 1, 3, padding=1)", "64x64", frames=(0, 20)).save(folder + "/film.gif")
peak = re.search("VmHWM: *([0-9]+) kB", Path("/proc/self/status").read_text().expandtabs())
print(len(shown), peak[1])
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    frames, kilobytes = map(int, answer.stdout.split())
    assert frames == 2000
    assert kilobytes < 300_000


def test_drawing_svg_loads_nothing_heavy() -> None:
    program = """
import sys, tempfile
from convpool import animate
with tempfile.TemporaryDirectory() as folder:
    animate("Conv2d(1, 1, 3)").save(folder + "/film.svg")
print(*sorted({"PIL", "numba", "torch", "convpool.functional"} & set(sys.modules)))
"""
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == []
