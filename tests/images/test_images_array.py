"""Arrays on disk: layouts, dtypes, and what is said about files that hold no images."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convpool.errors import ArgumentError, DataError
from convpool.images import read_array
from convpool.images.source import unit_floats


def saved(path: Path, array: Any) -> Path:
    np.save(path, array)
    return path


def numbered(*shape: int) -> Any:
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [
        ((5, 3, 8, 9), "nchw", (5, 3, 8, 9)),
        ((5, 1, 8, 9), "nchw", (5, 1, 8, 9)),
        ((5, 8, 9, 3), "nhwc", (5, 3, 8, 9)),
        ((5, 8, 9, 1), "nhwc", (5, 1, 8, 9)),
        ((5, 3, 8, 3), "nchw", (5, 3, 8, 3)),
        ((5, 8, 9), "nhw", (5, 1, 8, 9)),
        ((3, 8, 9), "chw", (1, 3, 8, 9)),
        ((1, 8, 9), "chw", (1, 1, 8, 9)),
        ((8, 9, 3), "hwc", (1, 3, 8, 9)),
        ((8, 9), "hw", (1, 1, 8, 9)),
    ],
)
def test_layouts(
    tmp_path: Path, shape: tuple[int, ...], axes: str, expected: tuple[int, ...]
) -> None:
    array = numbered(*shape)
    source = read_array(saved(tmp_path / "pictures.npy", array))
    assert (len(source), *source.image_shape) == expected
    first, *_ = batches = list(source.batches(2))
    images = np.concatenate([batch.images for batch in batches])
    assert images.shape == expected
    assert first.images.flags.c_contiguous
    letters = [axis for axis in "nchw" if axis in axes]
    original = array.transpose([axes.index(axis) for axis in letters])
    assert np.array_equal(images, unit_floats(original).reshape(expected))
    assert first.names[0] == "pictures-00000"


@pytest.mark.parametrize("shape", [(), (9,), (5, 2, 8, 9), (5, 8, 9, 4), (1, 1, 3, 8, 9)])
def test_no_layout(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = saved(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    with pytest.raises(DataError) as caught:
        read_array(path)
    assert str(caught.value).startswith(f"{path} holds shape {shape}, but images must be (N, C, H")


@pytest.mark.parametrize("shape", [(0, 3, 8, 9), (5, 3, 0, 9), (0, 9), (0, 8, 9)])
def test_no_pixels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="has no pixels"):
        read_array(saved(tmp_path / "a.npy", np.zeros(shape, np.uint8)))


@pytest.mark.parametrize("dtype", ["int64", "int8", "uint32", "complex64", "U3", "M8[s]"])
def test_other_dtypes(tmp_path: Path, dtype: str) -> None:
    path = saved(tmp_path / "a.npy", np.zeros((2, 4, 4), dtype))
    with pytest.raises(DataError, match=r"holds dtype .*, but images must be bool, uint8, uint16"):
        read_array(path)


@pytest.mark.parametrize("dtype", ["?", "u1", "<u2", ">u2", "<f2", "<f4", ">f4", "<f8"])
def test_white_is_one_in_every_dtype(tmp_path: Path, dtype: str) -> None:
    white = np.iinfo(dtype).max if np.dtype(dtype).kind == "u" else 1
    source = read_array(saved(tmp_path / "a.npy", np.full((2, 4, 4), white, dtype)))
    batch = next(source.batches(2))
    assert batch.images.dtype == np.dtype(np.float32)
    assert (batch.images == 1).all()


@pytest.mark.parametrize("wrong", [-0.1, 1.001, 255, np.nan, np.inf, -np.inf, 1e300])
def test_floats_are_checked_where_they_are_read(tmp_path: Path, wrong: float) -> None:
    array = np.full((6, 1, 4, 4), 0.5)
    array[3, 0, 1, 2] = wrong
    path = saved(tmp_path / "a.npy", array)
    batches = read_array(path).batches(2)
    next(batches)
    with pytest.raises(DataError) as caught:
        next(batches)
    assert str(caught.value).startswith(f"{path} holds float values from ")
    assert "in images 2 to 3, but they must be finite and in 0..1" in str(caught.value)


def test_npy_is_not_loaded_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "huge.npy"
    # Ten gigabytes, were it not sparse.
    with path.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**4, 1, 1000, 1000)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 10**10)
    source = read_array(path)
    assert len(source) == 10**4
    assert next(source.batches(2)).images.shape == (2, 1, 1000, 1000)


def test_fortran_order(tmp_path: Path) -> None:
    array = numbered(4, 3, 5, 6)
    source = read_array(saved(tmp_path / "a.npy", np.asfortranarray(array)))
    assert np.array_equal(next(source.batches(4)).images, unit_floats(array))


def test_npz_by_name_or_alone(tmp_path: Path) -> None:
    images, labels = np.zeros((5, 8, 8), np.uint8), np.arange(5)
    np.savez(tmp_path / "two.npz", labels=labels, images=images)
    np.savez_compressed(tmp_path / "one.npz", x_test=images)
    assert len(read_array(tmp_path / "two.npz")) == 5
    assert read_array(str(tmp_path / "one.npz")).name == "one.npz"


def test_npz_without_a_clear_choice(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((5, 8, 8)), y=np.zeros(5))
    np.savez(tmp_path / "b.npz")
    with pytest.raises(DataError, match=r"a\.npz holds the arrays x, y, but must hold one called"):
        read_array(tmp_path / "a.npz")
    with pytest.raises(DataError, match=r"b\.npz holds the arrays \(none\), but must hold"):
        read_array(tmp_path / "b.npz")


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    objects = np.array([{}, {}], object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", images=objects)
    for name in ("a.npy", "a.npz"):
        with pytest.raises(DataError, match=rf"{name} cannot be read as an array file: "):
            read_array(tmp_path / name)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    good = tmp_path / f"good{suffix}"
    array = numbered(9, 3, 16, 16)
    if suffix == ".npy":
        np.save(good, array)
    else:
        np.savez_compressed(good, images=array)
    content = good.read_bytes()
    rng = np.random.default_rng(0)
    bad = tmp_path / f"bad{suffix}"
    for keep in (0, 1, 5, 8, 60, len(content) // 2, len(content) - 1):
        bad.write_bytes(content[:keep])
        with pytest.raises(DataError, match=rf"^{bad} (is neither|cannot be read as an array)"):
            read_array(bad)
    for _ in range(200):
        flipped = bytearray(content)
        for place in rng.integers(0, min(len(content), 400), 3):
            flipped[place] ^= 1 << int(rng.integers(8))
        bad.write_bytes(flipped)
        with suppress(DataError):  # a flipped bit may go unnoticed, but nothing else may happen
            list(read_array(bad).batches(4))


def test_noise_is_no_array(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(np.random.default_rng(0).bytes(1000))
    with pytest.raises(DataError, match=r"a\.npy is neither a \.npy nor a \.npz file$"):
        read_array(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "a.npy", tmp_path):
        with pytest.raises(ArgumentError, match=r"^path is .*must be a \.npy or \.npz file"):
            read_array(path)
