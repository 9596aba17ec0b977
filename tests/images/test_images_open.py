"""One word or path to a source, and what importing the package costs."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import convpool.images
from convpool.errors import ArgumentError, ArgumentTypeError, DataError
from convpool.images import DEFAULT_DATA_DIR, ImageSource, open_source


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with one source of each kind."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "sample", "data"):
        Path(name).mkdir()
    Image.new("RGB", (6, 4), "red").save("photos/a.png")
    Image.new("RGB", (5, 5), "red").save("sample/a.png")
    np.save("digits.npy", np.zeros((9, 28, 28), np.uint8))
    np.savez("digits.npz", np.zeros((9, 28, 28), np.uint8))
    Path("data", "test_batch.bin").write_bytes(bytes(10_000 * 3_073))
    return tmp_path


@pytest.mark.parametrize(
    ("data", "name", "shape", "length"),
    [
        ("sample", "sample", (3, 64, 64), 64),
        ("cifar10", "CIFAR-10 test", (3, 32, 32), 10_000),
        ("photos", "photos", (3, 4, 6), 1),
        (Path("photos"), "photos", (3, 4, 6), 1),
        ("photos/a.png", "a.png", (3, 4, 6), 1),
        ("./sample", "sample", (3, 5, 5), 1),
        (Path("sample"), "sample", (3, 5, 5), 1),
        ("digits.npy", "digits.npy", (1, 28, 28), 9),
        (Path("digits.npz"), "digits.npz", (1, 28, 28), 9),
    ],
)
def test_what_data_may_be(
    here: Path, data: str | Path, name: str, shape: tuple[int, int, int], length: int
) -> None:
    source: ImageSource = open_source(data)
    assert (source.name, source.image_shape, len(source)) == (name, shape, length)
    batch = next(source.batches(2))
    assert batch.images.shape == (min(2, length), *shape)
    assert batch.images.dtype == np.float32
    assert len(batch.names) == len(batch.images)


def test_cifar10_is_looked_for_in_data(here: Path) -> None:
    assert Path("data") == DEFAULT_DATA_DIR
    assert len(open_source("cifar10", data_dir=here / "data")) == 10_000
    with pytest.raises(DataError, match=r"no CIFAR-10 test data: looked for photos.*--download"):
        open_source("cifar10", data_dir="photos")
    with pytest.raises(DataError, match=r"no CIFAR-10 train data: .*data_batch_1"):
        open_source("cifar10", split="train")


def test_size_is_for_image_files(here: Path) -> None:
    assert open_source("photos", size=(8, 7)).image_shape == (3, 8, 7)
    assert open_source("photos/a.png", size=(8, 7)).image_shape == (3, 8, 7)
    for data in ("sample", "cifar10", "digits.npy"):
        with pytest.raises(ArgumentError) as caught:
            open_source(data, size=(8, 7))
        assert str(caught.value) == (
            f"size is (8, 7), but must be left out for {data}: only image files are resized"
        )


@pytest.mark.parametrize("data", ["samples", "no/such/folder", "", "nothing.npy"])
def test_neither_a_name_nor_a_path(here: Path, data: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        open_source(data)
    assert str(caught.value) == (
        f"data is {data!r}, but must be 'sample', 'cifar10', or the path of a folder of images, "
        "of an image, or of a .npy or .npz file, that exists"
    )


@pytest.mark.parametrize("data", [None, 3, ["sample"]])
def test_neither_text_nor_a_path(data: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"^data is .*, but must be 'sample', 'cifar10'"):
        open_source(data)


def test_a_file_that_is_no_image(here: Path) -> None:
    Path("notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"notes\.txt is no image of type PNG, JPEG"):
        open_source("notes.txt")


def test_every_public_name_is_there() -> None:
    for name in convpool.images.__all__:
        assert getattr(convpool.images, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        convpool.images.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_importing_costs_numpy_only() -> None:
    program = (
        "import sys, convpool.images as images; images.open_source('sample');"
        "print(*{'PIL', 'tarfile', 'urllib.request', 'http', 'ssl'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
