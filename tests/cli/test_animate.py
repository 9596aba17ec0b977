"""`convpool animate`: files of every format, the terminal, the gallery, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.command import Command

LAYER = "Conv2d(1, 1, 3, padding=1)"


@pytest.mark.parametrize("extension", ["gif", "png", "apng", "webp"])
def test_moving_pictures(extension: str, command: Command, tmp_path: Path) -> None:
    path = tmp_path / f"out.{extension}"
    answer = command("animate", LAYER, "--input", "3x3", "--speed", "2", "-o", str(path))
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith(f"{path}: 9 frames, ")
    with Image.open(path) as picture:
        assert getattr(picture, "n_frames", 1) == 9
        picture.seek(1)
        picture.load()
        assert picture.info["duration"] == 250


@pytest.mark.parametrize(("extension", "start"), [("svg", "<svg"), ("html", "<!doctype html>")])
def test_texts(extension: str, start: str, command: Command, tmp_path: Path) -> None:
    path = tmp_path / f"out.{extension}"
    assert command("animate", LAYER, "--input", "3x3", "-o", str(path)).status == 0
    text = path.read_text()
    assert text.startswith(start)
    assert "Conv2d(1, 1, kernel_size=(3, 3)" in text
    assert "floor((3 + 1 + 1 - 1*(3-1) - 1) / 1) + 1 = 3" in text


def test_one_frame_is_a_still(command: Command, tmp_path: Path) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    choices = ("animate", LAYER, "--input", "3x3", "--frame", "4")
    assert command(*choices, "-o", str(small)).out.startswith(f"{small}: 1 frame, ")
    command(*choices, "--scale", "2", "--theme", "dark", "-o", str(large))
    with Image.open(small) as first, Image.open(large) as second:
        assert first.format == second.format == "PNG"
        for mine, theirs in zip(first.size, second.size, strict=True):
            assert abs(2 * mine - theirs) <= 2
        white, black = first.convert("L").getpixel((1, 1)), second.convert("L").getpixel((1, 1))
        assert isinstance(white, int)
        assert isinstance(black, int)
        assert white > 200 > 50 > black


def test_a_strip_is_a_still_of_all_frames(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "strip.svg"
    answer = command("animate", "MaxPool2d(2)", "--input", "4x4", "--strip", "-o", str(path))
    assert "1 frame" in answer.out
    assert path.read_text().count("output at row") == 4


def test_the_terminal_shows_frames(command: Command) -> None:
    answer = command("animate", "MaxPool2d(2)", "--values", "[[1,2,0],[4,3,0],[7,7,7]]")
    assert "output at row 0, column 0: max(1, 2, 4, 3) = 4 at index 3" in answer.out
    assert "1/1" in answer.out
    answer = command("animate", LAYER, "--input", "5x5", "--frames", "20:", "--frame", "-1")
    assert "output at row 4, column 4" in answer.out
    assert "column 3" not in answer.out


def test_sequences_and_files_of_numbers(command: Command, tmp_path: Path) -> None:
    values, weights = tmp_path / "values.npy", tmp_path / "weights.json"
    np.save(values, np.arange(9).reshape(3, 3))
    weights.write_text(json.dumps([[1, 0], [0, 2]]))
    from_files = command(
        *("animate", "Conv2d(1, 1, 2)", "--values", str(values), "--weights", str(weights)),
        *("--bias", "[3]", "--frame", "0"),
    )
    assert "0×1 + 1×0 + 3×0 + 4×2 + 3 (bias) = 11" in from_files.out
    made = command(
        *("animate", "Conv2d(1, 1, 2)", "--input", "3x3", "--values", "sequence"),
        *("--weights", "sequence", "--frame", "0"),
    )
    assert "0×0 + 1×1 + 3×2 + 4×3 = 19" in made.out


def test_steps_of_one_output(command: Command) -> None:
    answer = command(
        *("animate", "Conv2d(1, 1, 2)", "--values", "[[1,2],[3,4]]", "--weights", "sequence"),
        *("--fine", "--frame", "2"),
    )
    assert "2 + 3×2 = 8" in answer.out


def test_an_image_is_grey_for_one_channel_and_cropped(command: Command, tmp_path: Path) -> None:
    path, out = tmp_path / "photo.png", tmp_path / "out.svg"
    pixels = np.zeros((9, 9, 3), np.uint8)
    pixels[4, 4] = 255
    Image.fromarray(pixels).save(path)
    answer = command(
        *("animate", "Conv2d(1, 1, 1)", "--values", str(path), "--weights", "[2]"),
        *("--crop", "3x3", "-o", str(out)),
    )
    assert answer.out.startswith(f"{out}: 9 frames")
    assert "output at row 1, column 1: 1×2 = 2" in out.read_text()
    answer = command("animate", "MaxPool2d(1)", "--values", str(path), "--input", "2x2")
    assert "3×2×2" in answer.out


def test_a_geometry_that_does_not_fit_is_a_picture(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    answer = command("animate", "MaxPool2d(7)", "--input", "5x5", "-o", str(path))
    assert answer.out.startswith(f"{path}: 1 frame")
    assert "kernel reach 1*(7-1)+1 = 7 &gt; 0+5+0, the padded height" in path.read_text()


def test_the_gallery(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "gallery"
    answer = command("animate", "--gallery", str(folder), "--theme", "dark")
    assert answer.out.splitlines()[-1].startswith("21 files, ")
    assert len([*folder.glob("*.gif")]) == 19
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5e6
    for page in ("README.md", "index.html"):
        text = (folder / page).read_text()
        assert all(path.name in text for path in folder.glob("*.gif"))


WRONG = {
    "nothing": ([], "layer is None, but must be given"),
    "a gallery of one layer": ([LAYER, "--gallery", "x"], "--gallery is 'x'"),
    "an unknown format": ([LAYER, "-o", "x.bmp"], "'.bmp', but must be one of .svg, .gif"),
    "an unknown view": ([LAYER, "--view", "side"], "view is 'side', but must be one of flat"),
    "a view of another layer": ([LAYER, "--view", "stuffed"], "view is 'stuffed'"),
    "an unknown theme": ([LAYER, "--theme", "pink"], "theme is 'pink', but must be one of light"),
    "no speed": ([LAYER, "--speed", "0"], "speed is 0.0, but must be a number from 0.01 to 25"),
    "no number": ([LAYER, "--speed", "nan"], "speed is nan"),
    "a huge scale": ([LAYER, "--scale", "99"], "scale is 99.0"),
    "no such frame": ([LAYER, "--frame", "99"], "frame is 99, but must be from 0 to 8"),
    "no such frames": ([LAYER, "--frames", "8:99"], "frames is '8:99', but must be A:B with"),
    "frames in words": ([LAYER, "--frames", "all"], "--frames is 'all', but must be A:B"),
    "too many cells": (["MaxPool2d(2)", "--input", "999x999"], "--crop 16x16"),
    "a crop of one side": ([LAYER, "--crop", "3"], "--crop is '3'"),
    "a crop in three": ([LAYER, "--crop", "1x3x3"], "--crop is '1x3x3', but must be HxW"),
    "another shape": (
        [LAYER, "--input", "3x3", "--values", "[[1,2],[3,4]]"],
        "shape of --values is (2, 2), but must be that of --input, (1, 3, 3)",
    ),
    "weights of another shape": (
        [LAYER, "--weights", "[[1,2]]"],
        "shape of weight is (1, 2), but must be (1, 1, 3, 3)",
    ),
    "values in words": ([LAYER, "--values", "many"], "--values is 'many'"),
    "a missing file": ([LAYER, "--values", "gone.npy"], "--values is 'gone.npy'"),
    "a missing image": ([LAYER, "--values", "gone.png"], "data is 'gone.png'"),
    "no layer": (["Conv3d(1)"], "layer is 'Conv3d(1)'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input(name: str, command: Command) -> None:
    arguments, message = WRONG[name]
    answer = command("animate", *arguments)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.count("\n") == 1
    assert message in answer.err


def test_an_existing_file_stays_if_the_new_one_fails(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    path.write_text("before")
    assert command("animate", LAYER, "--frame", "99", "-o", str(path)).status == 2
    assert path.read_text() == "before"
    answer = command("animate", LAYER, "-o", str(tmp_path / "gone" / "out.svg"))
    assert (answer.status, answer.out) == (1, "")
    assert "cannot write" in answer.err
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.svg"]
