"""The examples do what they say, on few images."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.test_board import pixels_of, read_back

FOLDER = Path(__file__).parents[2] / "examples"
TINY = ["--train", "128", "--held-out", "64", "--batch-size", "16", "--width", "8"]
TINY += ["--rate", "0.02"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CIFAR-10's test file with classes that a net can tell: each has one colour."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, (10_000, 1), np.uint8)
    colours = rng.integers(0, 200, (10, 3, 1), np.uint8)[labels[:, 0]]
    pixels = np.empty((10_000, 3, 1024), np.uint8)
    pixels[...] = colours
    np.hstack([labels, pixels.reshape(10_000, -1)]).tofile(folder / "test_batch.bin")
    return folder


@pytest.fixture(scope="module")
def training() -> Any:
    return runpy.run_path(str(FOLDER / "cifar10_train.py"))["main"]


def train(main: Any, data: Path, logdir: Path, *options: str) -> dict[str, Any]:
    main(["--data-dir", str(data), "--logdir", str(logdir), *TINY, *options])
    result = json.loads((logdir / "result.json").read_text())
    result["net"] = torch.load(logdir / "checkpoint.pt", weights_only=True)["net"]
    return result  # type: ignore[no-any-return]


def test_a_net_is_trained_as_by_torch(training: Any, data: Path, tmp_path: Path) -> None:
    ours = train(training, data, tmp_path / "ours", "--epochs", "6")
    theirs = train(training, data, tmp_path / "theirs", "--epochs", "6", "--backend", "torch")
    assert ours["accuracy"] > 0.8
    assert ours["loss"] == pytest.approx(theirs["loss"], rel=0.05)
    events = read_back(tmp_path / "ours")
    assert [point.step for point in events.Scalars("accuracy")] == [1, 2, 3, 4, 5, 6]
    losses = [point.value for point in events.Scalars("loss")]
    assert losses[-1] < losses[0]
    assert sorted(events.Tags()["images"]) == ["augmented", "filters"]


def test_a_resumed_training_ends_as_one_that_was_not_stopped(
    training: Any, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(training, data, tmp_path / "whole", "--epochs", "2")
    saved = training.__globals__["Training"].save

    def save_and_stop(self: Any, file: Path) -> None:
        saved(self, file)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training.__globals__["Training"], "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train(training, data, tmp_path / "stopped", "--epochs", "2")
    resumed = train(training, data, tmp_path / "stopped", "--epochs", "2", "--resume")
    assert resumed["epoch"] == 2
    for name, value in whole["net"].items():
        torch.testing.assert_close(resumed["net"][name], value, rtol=0, atol=0)


def test_wrong_options(training: Any, data: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="nothing to resume"):
        train(training, data, tmp_path, "--resume")
    with pytest.raises(SystemExit, match="the split test has 10,000 images in all"):
        train(training, data, tmp_path, "--train", "9999")


@pytest.mark.skipif(sys.platform == "win32", reason="gloo over the loopback")
def test_two_processes(data: Path, tmp_path: Path) -> None:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    program = ["--nproc-per-node", "2", str(FOLDER / "cifar10_train.py")]
    options = ["--data-dir", str(data), "--logdir", str(tmp_path), *TINY, "--epochs", "2"]
    answer = subprocess.run(
        [*launcher, *program, *options],
        capture_output=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["epoch"], result["processes"]) == (2, 2)


def test_the_tutorial_shows_what_torch_computes(data: Path, tmp_path: Path) -> None:
    tutorial = runpy.run_path(str(FOLDER / "tutorial.py"))
    tutorial["main"](["--data-dir", str(data), "--logdir", str(tmp_path), "--limit", "130"])
    events = read_back(tmp_path)
    for tag in ("input", "output"):
        assert [image.step for image in events.Images(tag)] == [0, 1, 2]
    torch.manual_seed(0)
    net = tutorial["Net"]()
    torch.manual_seed(0)
    theirs = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3), torch.nn.MaxPool2d(3, ceil_mode=True))
    images = tutorial["Cifar"](data, "test").images[:64]
    with torch.no_grad():
        torch.testing.assert_close(net.eval()(images), theirs(images))
    assert pixels_of(events.Images("input")[0])[:32, :32].reshape(-1, 3).std() > 0


def test_the_tutorials_net_is_run_by_the_command(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from convpool.cli import status

    monkeypatch.chdir(tmp_path)
    where = ["--data", "cifar10", "--data-dir", str(data), "--logdir", "logs"]
    assert status(["run", f"{FOLDER / 'tutorial.py'}:Net", *where, "--limit", "130"]) == 0
    assert [image.step for image in read_back(Path("logs")).Images("output")] == [0, 1, 2]
