"""CIFAR-10 from both layouts, and what is said about files that are not it."""

import io
import os
import pickle
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convpool.errors import ArgumentError, DataError
from convpool.images import CLASSES, Cifar10

RECORDS = 10_000


def python2_pickle(content: object) -> bytes:
    """Pickle as Python 2 did, with NumPy's functions by their address of old."""
    stream = io.BytesIO()
    pickler: Any = pickle._Pickler(stream, protocol=2)
    pickler.dispatch = {**pickler.dispatch, bytes: save_as_python2_string}
    pickler.dump(content)
    return stream.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def save_as_python2_string(pickler: Any, content: bytes) -> None:
    pickler.write(pickle.BINSTRING + struct.pack("<i", len(content)) + content)
    pickler.memoize(content)


@pytest.fixture(scope="session")
def real_cifar10() -> Path:
    """The folder with the real test split in both layouts; the test is skipped without it."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cifar-10"
    if not folder.is_dir():
        pytest.skip("no real CIFAR-10 beside the checkout")
    return folder


@pytest.fixture(scope="session")
def records() -> NDArray[np.uint8]:
    """10,000 made-up records of a label byte and 3,072 pixel bytes."""
    rng = np.random.default_rng(0)
    records = rng.integers(0, 256, (RECORDS, 3073), np.uint8)
    records[:, 0] = np.arange(RECORDS) % 10
    return records


@pytest.fixture(scope="session")
def binary_dir(records: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data_dir with all six files of the binary layout; training records begin with 10i + 1."""
    folder = tmp_path_factory.mktemp("binary") / "cifar-10-batches-bin"
    folder.mkdir()
    (folder / "test_batch.bin").write_bytes(records.tobytes())
    for number in range(1, 6):
        with (folder / f"data_batch_{number}.bin").open("wb") as file:
            file.truncate(RECORDS * 3073)  # zeros: black aeroplanes, and no room on the disk
            file.write(bytes([number, 10 * number]))
            file.seek(-3073, 2)
            file.write(bytes([number, 10 * number + 1]))
    return folder.parent


@pytest.fixture(scope="session")
def python_dir(records: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data_dir with the test split in the Python layout."""
    folder = tmp_path_factory.mktemp("python") / "cifar-10-batches-py"
    folder.mkdir()
    content = {b"data": records[:, 1:].copy(), b"labels": records[:, 0].tolist()}
    (folder / "test_batch").write_bytes(python2_pickle(content))
    return folder.parent


def check_against_records(source: Cifar10, records: NDArray[np.uint8]) -> None:
    batches = list(source.batches(64))
    assert len(batches) == 157
    assert len(batches[-1]) == 16
    images = np.concatenate([batch.images for batch in batches])
    assert images.dtype == np.float32
    expected = records[:, 1:].reshape(RECORDS, 3, 32, 32).astype(np.float32) / np.float32(255)
    assert np.array_equal(images, expected)
    names = [name for batch in batches for name in batch.names]
    assert names == [f"{i:05d}-{CLASSES[label]}" for i, label in enumerate(records[:, 0])]
    assert np.array_equal(source.labels, records[:, 0])


def test_binary_layout(binary_dir: Path, records: NDArray[np.uint8]) -> None:
    source = Cifar10(binary_dir)
    assert (source.name, source.image_shape, len(source)) == ("CIFAR-10 test", (3, 32, 32), RECORDS)
    check_against_records(source, records)


def test_python_layout(python_dir: Path, records: NDArray[np.uint8]) -> None:
    check_against_records(Cifar10(python_dir), records)


def test_data_dir_may_be_the_layout_folder(binary_dir: Path, python_dir: Path) -> None:
    one = Cifar10(binary_dir / "cifar-10-batches-bin")
    two = Cifar10(str(python_dir / "cifar-10-batches-py"))
    assert np.array_equal(next(one.batches(9)).images, next(two.batches(9)).images)


def test_the_binary_layout_is_preferred(binary_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(b"not read")
    (tmp_path / "cifar-10-batches-bin").symlink_to(binary_dir / "cifar-10-batches-bin")
    assert len(Cifar10(tmp_path)) == RECORDS


def test_training_files_follow_each_other(binary_dir: Path) -> None:
    source = Cifar10(binary_dir, "train")
    assert (source.name, len(source)) == ("CIFAR-10 train", 50_000)
    assert np.flatnonzero(source.labels).tolist() == [
        index for start in range(0, 50_000, RECORDS) for index in (start, start + RECORDS - 1)
    ]
    # 9,999 does not divide 10,000, so batches reach over the ends of files.
    firsts = np.concatenate([batch.images[:, 0, 0, 0] for batch in source.batches(9_999)])
    values = np.rint(firsts[np.flatnonzero(firsts)] * 255).tolist()
    assert values == [10, 11, 20, 21, 30, 31, 40, 41, 50, 51]
    last = list(source.batches(30_000))[-1]
    assert last.names[-1] == "49999-dog"


def test_limit_stops_early(binary_dir: Path) -> None:
    assert [len(batch) for batch in Cifar10(binary_dir).batches(64, limit=100)] == [64, 36]


def test_an_unknown_split(binary_dir: Path) -> None:
    split: Any = "valid"
    with pytest.raises(ArgumentError, match=r"^split is 'valid', but must be 'test' or 'train'$"):
        Cifar10(binary_dir, split)


def test_missing_data_says_where_it_looked_and_what_would_help(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        Cifar10(tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "cifar-10-batches-bin" / "test_batch.bin") in message
    assert str(tmp_path / "cifar-10-batches-py" / "test_batch") in message
    assert "--download" in message
    assert "--data-dir" in message
    assert "\n" not in message


def test_an_incomplete_split_names_the_file_that_is_missing(
    binary_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    for number in (1, 2, 4, 5):
        name = f"data_batch_{number}.bin"
        (folder / name).symlink_to(binary_dir / "cifar-10-batches-bin" / name)
    with pytest.raises(DataError) as caught:
        Cifar10(tmp_path, "train")
    assert f"looked for {folder / 'data_batch_3.bin'}, " in str(caught.value)
    assert f"; move {folder} away and --download fetches it" in str(caught.value)


@pytest.mark.parametrize("change", [-1, 1, -30_730_000])
def test_a_binary_file_of_another_size(binary_dir: Path, tmp_path: Path, change: int) -> None:
    file = tmp_path / "test_batch.bin"
    shutil.copy(binary_dir / "cifar-10-batches-bin" / "test_batch.bin", file)
    os.truncate(file, 30_730_000 + change)
    with pytest.raises(DataError) as caught:
        Cifar10(tmp_path)
    assert str(caught.value) == (
        f"{file} has {30_730_000 + change:,} bytes, but a binary CIFAR-10 batch has 30,730,000"
    )


def test_a_binary_file_with_a_wrong_label(records: NDArray[np.uint8], tmp_path: Path) -> None:
    file = tmp_path / "test_batch.bin"
    wrong = records.copy()
    wrong[1234, 0] = 10
    file.write_bytes(wrong.tobytes())
    with pytest.raises(DataError, match=r"test_batch\.bin is no .*: label 10 at image 1234,"):
        Cifar10(tmp_path)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/convpool-must-not-exist",)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (Evil(), rf"{os.system.__module__}\.system"),
        ({b"data": np.float64(3)}, r"numpy\.core\.multiarray\.scalar"),
        ({b"data": Path("x")}, r"pathlib"),
        ({b"data": eval}, r"__builtin__\.eval"),
    ],
)
def test_a_pickle_that_asks_for_anything_else_is_not_loaded(
    content: object, named: str, tmp_path: Path
) -> None:
    file = tmp_path / "test_batch"
    file.write_bytes(python2_pickle(content))
    with pytest.raises(DataError, match=rf"^{file} .*was not loaded: .* {named}"):
        Cifar10(tmp_path)
    assert not Path("/tmp/convpool-must-not-exist").exists()


PIXELS = np.zeros((RECORDS, 3072), np.uint8)
LABELS = [0] * RECORDS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({b"data": PIXELS[:-1], b"labels": LABELS}, r"data uint8 \(9999, 3072\)"),
        ({b"data": PIXELS.astype(np.int16), b"labels": LABELS}, r"data int16 \(10000, 3072\)"),
        ({b"data": [1, 2], b"labels": LABELS}, "data <class 'list'>"),
        ({b"data": PIXELS, b"labels": LABELS[:-1]}, r"labels int\d+ \(9999,\)"),
        ({b"data": PIXELS, b"labels": [0.5] * RECORDS}, "labels float64"),
        ({b"data": PIXELS, b"labels": [-1, *LABELS[1:]]}, "label -1 at image 0"),
        ({b"data": PIXELS, b"labels": [*LABELS[1:], 10]}, "label 10 at image 9999"),
        ({b"labels": LABELS}, r"KeyError: b'data'"),
        ([1, 2, 3], "TypeError"),
    ],
)
def test_a_pickle_of_something_else(content: object, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "test_batch"
    file.write_bytes(python2_pickle(content))
    with pytest.raises(DataError, match=rf"^{file}.*{reason}"):
        Cifar10(tmp_path)


@pytest.mark.parametrize("keep", [0, 1, 100, 1_000_000, 30_000_000])
def test_a_pickle_cut_off(python_dir: Path, tmp_path: Path, keep: int) -> None:
    file = tmp_path / "test_batch"
    shutil.copy(python_dir / "cifar-10-batches-py" / "test_batch", file)
    os.truncate(file, keep)
    with pytest.raises(DataError, match=rf"^{file} \({keep:,} bytes\) is no Python CIFAR-10"):
        Cifar10(tmp_path)


def test_bytes_that_are_no_pickle(tmp_path: Path) -> None:
    (tmp_path / "test_batch").write_bytes(np.random.default_rng(1).bytes(5_000))
    with pytest.raises(DataError, match="is no Python CIFAR-10 batch"):
        Cifar10(tmp_path)


def test_the_real_test_set_is_the_same_in_both_layouts(real_cifar10: Path) -> None:
    binary = Cifar10(real_cifar10 / "cifar-10-batches-bin")
    python = Cifar10(real_cifar10 / "cifar-10-batches-py")
    pairs = list(zip(binary.batches(64), python.batches(64), strict=True))
    assert len(pairs) == 157
    assert sum(len(batch) for batch, _ in pairs) == 10_000
    for one, two in pairs:
        assert one.names == two.names
        assert np.array_equal(one.images, two.images)
    assert pairs[0][0].names[:3] == ("00000-cat", "00001-ship", "00002-ship")
    assert np.bincount(binary.labels).tolist() == [1_000] * 10
    # The mean of the test set, as published with it by many: 0.494, 0.485, 0.450.
    mean = np.mean([batch.images.mean(axis=(0, 2, 3)) for batch, _ in pairs], axis=0)
    assert np.allclose(mean, [0.494, 0.485, 0.450], atol=2e-3)
