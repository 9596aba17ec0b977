"""Runs from Python: what comes back, what is written, and how the folder is claimed."""

import json
from pathlib import Path

import numpy as np
import pytest

from convpool import functional as F  # noqa: N812
from convpool.arithmetic import ChainReport, chain_report
from convpool.errors import ArgumentError, ConvpoolError
from convpool.images import open_source
from convpool.notation import parse_net
from convpool.runs import plan_run, run
from convpool.runs.folder import claimed
from convpool.runs.forward import forward
from convpool.weights import random_weights
from tests.test_board import pixels_of, read_back


def test_forward_is_the_layers_one_after_the_other() -> None:
    net = parse_net(["Conv2d(3, 4, 3, groups=1)", "AvgPool2d(2)", "ConvTranspose2d(4, 2, 2, 2)"])
    images = np.random.default_rng(0).random((2, 3, 9, 8)).astype(np.float32)
    weights = random_weights(net, seed=3)
    outputs = forward(chain_report(net, (3, 9, 8)), weights, images)
    first, last = weights[0], weights[2]
    assert first is not None
    assert last is not None
    expected = F.conv2d(images, first.weight, first.bias)
    np.testing.assert_array_equal(outputs[0], expected)
    expected = F.avg_pool2d(expected, 2)
    np.testing.assert_array_equal(outputs[1], expected)
    expected = F.conv_transpose2d(expected, last.weight, last.bias, stride=2)
    np.testing.assert_array_equal(outputs[2], expected)


def test_unpooling_restores_the_size_of_its_own_pooling() -> None:
    pool, unpool = "MaxPool2d(2, return_indices=True)", "MaxUnpool2d(2)"
    net = parse_net([pool, pool, unpool, unpool])
    report = plan_run(net, open_source("sample"))
    assert isinstance(report, ChainReport)
    images = np.random.default_rng(0).random((1, 3, 13, 7)).astype(np.float32)
    outputs = forward(chain_report(net, (3, 13, 7)), (None,) * 4, images)
    assert [output.shape[2:] for output in outputs] == [(6, 3), (3, 1), (6, 3), (13, 7)]
    assert [layer.pooled_by for layer in report.layers] == [None, None, 1, 0]
    kept = outputs[-1] != 0
    np.testing.assert_array_equal(outputs[-1][kept], images[kept])


def test_summary_and_progress(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    summary = run(
        ["MaxPool2d(2)"],
        open_source("sample"),
        logdir=tmp_path / "logs",
        batch_size=10,
        limit=25,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(0, 25), (10, 25), (20, 25), (25, 25)]
    assert (summary.images, summary.batches, summary.complete) == (25, 3, True)
    images = next(open_source("sample").batches(25)).images
    pooled = F.max_pool2d(images, 2)
    (values,) = summary.values
    assert values.lowest == pooled.min()
    assert values.highest == pooled.max()
    assert values.mean == pytest.approx(float(pooled.mean()), rel=1e-5)
    written = json.loads((tmp_path / "logs" / "summary.json").read_text())
    assert written["net"]["layers"][0]["values"]["max"] == values.highest
    assert sorted(path.name for path in (tmp_path / "logs").iterdir() if path.suffix) == sorted(
        [*summary.files, *(path.name for path in (tmp_path / "logs").glob("events*"))]
    )


def test_the_board_shows_the_pixels_as_they_are(tmp_path: Path) -> None:
    """Images of 32 pixels and more aren't enlarged: the first card is the first 64x64 pixels."""
    run(["MaxPool2d(1)"], open_source("sample"), logdir=tmp_path, limit=1)
    (card,) = next(open_source("sample").batches(1)).images
    (shown,) = read_back(tmp_path).Images("output")
    np.testing.assert_array_equal(pixels_of(shown), np.rint(card * 255).transpose(1, 2, 0))


def test_one_scale_a_layer_is_kept_over_the_steps(tmp_path: Path) -> None:
    """A first image of 2 and a second of 1: the second is shown half as bright, not as bright."""
    pixels = np.stack([np.full((1, 40, 40), 1.0), np.full((1, 40, 40), 0.5)])
    np.save(tmp_path / "images.npy", pixels)
    arrays = {"0.weight": np.full((1, 1, 1, 1), 2.0)}
    np.savez(tmp_path / "double.npz", **arrays)  # type: ignore[arg-type]
    run(
        ["Conv2d(1, 1, 1, bias=False)"],
        open_source(tmp_path / "images.npy"),
        logdir=tmp_path / "logs",
        batch_size=1,
        weights=tmp_path / "double.npz",
    )
    bright, half = (pixels_of(image) for image in read_back(tmp_path / "logs").Images("output"))
    assert (bright == 255).all()
    assert (half == 128).all()


def claim(folder: Path, *, failing: bool = False) -> None:
    """Claim a folder, write something into it, and perhaps fail."""
    with claimed(folder):
        (folder / "events").touch()
        (folder / "deep").mkdir()
        if failing:
            raise RuntimeError("stop")


def test_a_claimed_folder_is_refused_to_others_and_keeps_its_results(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    with claimed(folder) as claimed_folder:
        assert claimed_folder == folder
        with pytest.raises(ArgumentError, match=r"logdir is .*, but must be a new or an empty"):
            claim(folder)
        (folder / "result").touch()
    assert [path.name for path in folder.iterdir()] == ["result"]
    with pytest.raises(ArgumentError, match="it holds result"):
        claim(folder)


def test_a_failed_run_leaves_everything_as_it_was(tmp_path: Path) -> None:
    existing, new = tmp_path / "existing", tmp_path / "a" / "b"
    existing.mkdir()
    for folder in (existing, new):
        with pytest.raises(RuntimeError, match="stop"):
            claim(folder, failing=True)
    assert list(existing.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["existing"]


@pytest.mark.parametrize(
    "arguments",
    [{"batch_size": 0}, {"limit": 0}, {"weights": "none.npz"}, {"batch_size": 1.5}],
    ids=str,
)
def test_wrong_arguments_are_found_before_anything_is_written(
    arguments: dict[str, int], tmp_path: Path
) -> None:
    with pytest.raises(ConvpoolError):
        run([], open_source("sample"), logdir=tmp_path / "logs", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "logs").exists()
