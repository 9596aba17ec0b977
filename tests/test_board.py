import io
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from convpool.board import Board
from convpool.errors import ArgumentError, ArgumentTypeError, DataError
from convpool.pictures import tile_maps

BLACK = np.zeros((2, 2, 3), np.uint8)


def read_back(logdir: Path) -> Any:
    """The folder as TensorBoard reads it, all images kept."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(logdir), size_guidance={"images": 0, "tensors": 0, "scalars": 0})
    events.Reload()
    return events


def pixels_of(image: Any) -> npt.NDArray[Any]:
    with Image.open(io.BytesIO(image.encoded_image_string)) as opened:
        assert opened.format == "PNG"
        return np.asarray(opened)


def test_pictures_of_every_step_are_read_back_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tags = ("0 input", "1 Conv2d(3, 8, kernel_size=(3, 3))", "layers/2 MaxPool2d")
    pictures = {tag: rng.integers(0, 256, (12, 5, 18 + 3, 3), np.uint8) for tag in tags}
    with Board(tmp_path) as board:
        for step in range(12):
            for tag in tags:
                board.images(tag, pictures[tag][step], step)
    events = read_back(tmp_path)
    assert sorted(events.Tags()["images"]) == sorted(tags)
    for tag in tags:
        images = events.Images(tag)
        assert [image.step for image in images] == list(range(12))
        for image in images:
            assert (image.width, image.height) == (21, 5)
            assert (pixels_of(image) == pictures[tag][image.step]).all()


def test_tilings_and_grey_pictures_are_written(tmp_path: Path) -> None:
    tiling = tile_maps(np.random.default_rng(0).random((2, 8, 6, 6)))
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    with Board(tmp_path) as board:
        board.images("tiling", tiling, step=7)
        board.images("grey", grey, step=0)
    events = read_back(tmp_path)
    assert (pixels_of(events.Images("tiling")[0]) == tiling.pixels).all()
    assert (pixels_of(events.Images("grey")[0]) == grey).all()


def test_texts_and_scalars_are_read_back(tmp_path: Path) -> None:
    with Board(tmp_path) as board:
        board.text("layers", "1. `Conv2d(3, 8, 3)` → 8 × 30 × 30")
        board.scalar("images per second", 12.5, step=0)
        board.scalar("images per second", 25, step=1)
    events = read_back(tmp_path)
    (text,) = events.Tensors("layers")
    assert text.tensor_proto.string_val == ["1. `Conv2d(3, 8, 3)` → 8 × 30 × 30".encode()]
    assert events.SummaryMetadata("layers").plugin_data.plugin_name == "text"
    points = [(point.step, point.value) for point in events.Scalars("images per second")]
    assert points == [(0, 12.5), (1, 25.0)]


def test_what_was_written_before_an_exception_is_on_disk(tmp_path: Path) -> None:
    def run_that_fails() -> None:
        with Board(tmp_path) as board:
            board.images("input", BLACK, step=0)
            raise KeyError("a layer failed")

    with pytest.raises(KeyError):
        run_that_fails()
    assert len(read_back(tmp_path).Images("input")) == 1


def test_a_board_is_read_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convpool.board._FLUSH_SECONDS", 0.0)
    with Board(tmp_path) as board:
        board.images("input", BLACK, step=0)
        assert len(read_back(tmp_path).Images("input")) == 1


def test_boards_in_one_folder_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for step in range(5):
        with Board(tmp_path / "made" / "on the way") as board:
            board.scalar("run", step, step)
    files = list((tmp_path / "made" / "on the way").iterdir())
    assert len(files) == 5
    assert [point.step for point in read_back(files[0].parent).Scalars("run")] == list(range(5))


def test_a_closed_board_refuses_more_and_closes_again(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.close()
    board.close()
    with pytest.raises(ArgumentError, match="must be open: it has been closed"):
        board.scalar("late", 1.0, step=0)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    with Board(tmp_path) as board:
        with pytest.raises(ArgumentTypeError, match="pixels"):
            board.images("floats", np.zeros((2, 2, 3)), step=0)  # type: ignore[arg-type]
        with pytest.raises(ArgumentError, match="the shape of pixels"):
            board.images("batch", np.zeros((1, 2, 2, 3), np.uint8), step=0)
    assert read_back(tmp_path).Tags()["images"] == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for logdir in (tmp_path / "file", tmp_path / "file" / "logs"):
        with pytest.raises(DataError, match=f"cannot write TensorBoard events to {logdir}: "):
            Board(logdir)


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_reported_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(tmp_path)
    monkeypatch.setattr("tensorboardX.record_writer.RecordWriter.flush", full_disk)
    with pytest.raises(DataError, match="No space left on device"), board:
        board.scalar("loss", 1.0, step=0)
    board.close()


def test_a_full_disk_does_not_hide_the_error_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = Board(tmp_path)
    monkeypatch.setattr("tensorboardX.record_writer.RecordWriter.flush", full_disk)
    with pytest.raises(KeyError) as caught, board:
        raise KeyError("a layer failed")
    assert "No space left on device" in caught.value.__notes__[0]


def test_the_file_size_limit_stops_the_call_that_passes_it(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    code = f"""
import resource
import numpy as np
from convpool.board import Board
from convpool.errors import DataError
noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
board = Board({str(tmp_path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, {resource.RLIM_INFINITY}))
try:
    with board:
        for step in range(100):
            board.images("noise", noise, step)
except DataError:
    print("stopped at", step)
"""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stderr == ""
    assert int(result.stdout.removeprefix("stopped at ")) < 10


def test_torch_is_not_imported_but_left_importable(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("Tensor = object\n")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from convpool.board import Board
Board({str(tmp_path / "logs")!r}).close()
assert "torch" not in sys.modules
import torch
Board({str(tmp_path / "logs")!r}).close()
assert sys.modules["torch"] is torch
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_writer_says_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), Board(tmp_path) as board:
        board.images("0 input (RGB)", BLACK, step=0)
        board.scalar("loss", float("nan"), step=0)
    assert caplog.records == []
