"""The gallery: the table of cases, their sizes and frames, and what its files hold."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convpool.errors import ArgumentError, DataError
from convpool.pictures import write_gallery
from convpool.pictures.exhibits import exhibits
from convpool.pictures.frames import film
from tests.test_cases import ANIMATIONS


def test_the_table_in_the_package_is_that_of_the_tests() -> None:
    path = files("convpool.pictures").joinpath("conv_arithmetic.json")
    assert json.loads(path.read_text()) == ANIMATIONS


def test_sizes_and_frames_are_the_table_s() -> None:
    cases = [*ANIMATIONS["convolution"], *ANIMATIONS["transposed"], *ANIMATIONS["numerical"]]
    assert [exhibit.name for exhibit in exhibits()] == [case["name"] for case in cases]
    for exhibit, case in zip(exhibits(), cases, strict=True):
        shown = film(exhibit.layer, exhibit.input, exhibit.weight)
        assert shown.input.shape == (1, case["i"], case["i"])
        assert shown.output.shape == (1, case["o"], case["o"])
        assert len(shown.frames) == case.get("frames", case["o"] ** 2)
        assert exhibit.text.startswith(f"{case['i']}×{case['i']}, kernel {case['k']}, ")
        assert exhibit.text.endswith(f" → {case['o']}×{case['o']}")


def test_its_files_are_small_and_complete(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("before")
    (tmp_path / "mine.txt").write_text("kept")
    written = [*write_gallery(tmp_path)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*(path.name for path in written), "mine.txt"]
    )
    assert len(written) == 21
    for exhibit in exhibits():
        with Image.open(tmp_path / f"{exhibit.name}.gif") as picture:
            output = film(exhibit.layer, exhibit.input, exhibit.weight).output
            assert getattr(picture, "n_frames", 1) == output.size
            assert picture.info["loop"] == 0
            assert min(picture.size) >= 300
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 8
    page = (tmp_path / "README.md").read_text()
    assert page.count("![") == 19
    assert (tmp_path / "index.html").read_text().count("<img ") == 19


def test_wrong_places(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot write to"):
        next(write_gallery(tmp_path / "file"))
    with pytest.raises(ArgumentError, match="theme"):
        next(write_gallery(tmp_path / "new", theme="pink"))
    assert not (tmp_path / "new").exists()
