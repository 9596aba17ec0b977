import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from convpool.errors import ArgumentError, ArgumentTypeError, DataError
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


def test_a_failed_write_leaves_the_old_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_out_of_space(image: Image.Image, path: Path, *_: object, **__: object) -> None:
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", run_out_of_space)
    path = tmp_path / "sheet.png"
    path.write_bytes(b"old")
    with pytest.raises(DataError, match=r"cannot write the picture .*sheet\.png: No space left"):
        save_png(COLOUR, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "missing" / "sheet.png", tmp_path / "file" / "sheet.png"):
        with pytest.raises(DataError, match=str(path)):
            save_png(COLOUR, path)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DataError, match=r"folder\.png: Is a directory"):
        save_png(COLOUR, tmp_path / "folder.png")
    with pytest.raises(ArgumentError, match="path is '', but must be the path of a file"):
        save_png(COLOUR, "")


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
