"""`--animate`: the first layer on the middle of the first image."""

from pathlib import Path

import numpy as np
import pytest

from convpool.errors import ArgumentError
from convpool.images import open_source
from convpool.notation import parse_layer
from convpool.runs import run
from convpool.runs.closeup import closeup
from convpool.weights import edge_weights


@pytest.mark.parametrize(
    ("layer", "frames"),
    [
        ("Conv2d(3, 8, 5, padding=2)", 64),  # 8 by 8 pixels of three channels
        ("Conv2d(3, 6, 3, groups=3)", 100),  # 12 by 12 pixels, since a filter reads one channel
        ("MaxPool2d(3)", 16),
        ("MaxPool2d(7, 9)", 9),  # three windows by three, of 25 pixels
        ("Conv2d(3, 1, 1, padding=11, padding_mode='reflect')", 34 * 34),
        ("ConvTranspose2d(3, 1, 2, stride=2)", 256),
    ],
)
def test_a_crop_with_numbers_that_can_be_followed(layer: str, frames: int) -> None:
    spec = parse_layer(layer)
    image = np.random.default_rng(0).random((3, 64, 64)).astype(np.float32)
    shown = closeup(spec, image, edge_weights([spec])[0])
    assert len(shown) == frames
    assert all(caption.startswith("output at ") for caption in shown.drawing.captions)


def test_a_run_writes_it(tmp_path: Path) -> None:
    summary = run(
        ["MaxPool2d(3)", "MaxPool2d(2)"],
        open_source("sample"),
        logdir=tmp_path,
        batch_size=2,
        limit=4,
        animate=True,
    )
    assert summary.files[0] == "animation.html"
    page = (tmp_path / "animation.html").read_text()
    assert "MaxPool2d(kernel_size=3, stride=3" in page
    assert "output at channel 0, row 3, column 3: max(" in page
    assert "kernel_size=2" not in page


def test_a_layer_without_cells_that_can_be_seen_is_refused_whole(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    np.save(tmp_path / "images.npy", np.zeros((1, 300, 300), np.uint8))
    with pytest.raises(ArgumentError, match=r"^animate: number of cells"):
        run(
            ["Conv2d(1, 1, 290)"],
            open_source(tmp_path / "images.npy"),
            logdir=folder,
            animate=True,
        )
    assert not folder.exists()
