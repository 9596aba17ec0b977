import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.pictures import png_bytes, save_png

COLOUR = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)


@pytest.mark.parametrize("pixels", [COLOUR, COLOUR[..., 0], COLOUR[::2, ::-1]])
def test_pixels_come_back_from_png_bytes(pixels: npt.NDArray[Any]) -> None:
    with Image.open(io.BytesIO(png_bytes(pixels))) as image:
        assert image.format == "PNG"
        assert (np.asarray(image) == pixels).all()


@pytest.mark.parametrize("picture", [COLOUR, Image.fromarray(COLOUR)])
def test_a_saved_picture_replaces_the_old_one_and_leaves_nothing_beside(
    tmp_path: Path, picture: Any
) -> None:
    path = tmp_path / "sheet.png"
    path.write_bytes(b"old")
    save_png(picture, path)
    with Image.open(path) as image:
        assert (np.asarray(image) == COLOUR).all()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("pixels", "error"),
    [
        (np.zeros((2, 2, 3)), ArgumentTypeError),
        ([[0]], ArgumentTypeError),
        (np.zeros((2, 2, 4), np.uint8), ArgumentError),
        (np.zeros((0, 2, 3), np.uint8), ArgumentError),
        (np.zeros(3, np.uint8), ArgumentError),
    ],
)
def test_what_is_no_picture_is_refused(pixels: Any, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        png_bytes(pixels)
    with pytest.raises(error):
        save_png(pixels, tmp_path / "sheet.png")
    assert not list(tmp_path.iterdir())
