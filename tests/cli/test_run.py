"""`convpool run`: the main job, from the command line to the files it leaves."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.command import Command
from tests.test_board import read_back


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def steps(logdir: Path, tag: str) -> list[int]:
    return [image.step for image in read_back(logdir).Images(tag)]


def test_default_run(command: Command) -> None:
    answer = command("run")
    assert (answer.status, answer.err) == (0, "")
    folder = Path("runs/001")
    assert {path.name for path in folder.iterdir() if "tfevents" not in path.name} == {
        "input.png",
        "output.png",
        "sheet.png",
        "summary.json",
    }
    assert sorted(read_back(folder).Tags()["images"]) == ["input", "output"]
    for tag in ("input", "output"):
        assert steps(folder, tag) == [0]
    for name in ("input.png", "output.png", "sheet.png"):
        with Image.open(folder / name) as picture:
            assert np.asarray(picture).std() > 20  # a page of one colour shows nothing
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["images"] == 64
    assert summary["complete"] is True
    assert [layer["output_shape"] for layer in summary["net"]["layers"]] == [
        [8, 64, 64],
        [8, 22, 22],
    ]
    assert "tensorboard --logdir runs/001" in answer.out
    table, rest = answer.out.split("total", maxsplit=1)
    assert "Conv2d(3, 8" in table
    assert "64/64" in rest


def test_second_run_takes_the_next_folder(command: Command) -> None:
    for number in ("001", "002"):
        assert command("run", "MaxPool2d(2)", "--limit", "2").status == 0
        assert (Path("runs") / number / "summary.json").is_file()


def test_every_layer_has_its_tag_and_each_batch_its_step(command: Command) -> None:
    answer = command(
        "run",
        *("Conv2d(3, 4, 3)", "MaxPool2d(2, return_indices=True)", "MaxUnpool2d(2)"),
        *("--weights", "random", "--batch-size", "7", "--limit", "20", "--every-layer"),
        *("--logdir", "logs"),
    )
    assert (answer.status, answer.err) == (0, "")
    tags = ["input", "layer1-Conv2d", "layer2-MaxPool2d", "output"]
    assert sorted(read_back(Path("logs")).Tags()["images"]) == tags
    for tag in tags:
        assert steps(Path("logs"), tag) == [0, 1, 2]


def test_an_animation_of_the_first_layer(command: Command) -> None:
    answer = command("run", "MaxPool2d(2)", "--limit", "2", "--animate", "--logdir", "logs")
    assert "logs holds the events, animation.html, " in " ".join(answer.out.split())
    assert Path("logs/animation.html").read_text().startswith("<!doctype html>")


def test_weights_from_a_file(command: Command) -> None:
    np.save("ramp.npy", np.linspace(0, 1, 64).reshape(1, 1, 8, 8))
    arrays: dict[str, Any] = {"0.weight": np.full((1, 1, 1, 1), 2.0), "0.bias": np.array([1.0])}
    np.savez("two.npz", **arrays)
    answer = command(
        "run", "Conv2d(1, 1, 1)", "--data", "ramp.npy", "--weights", "two.npz", "--logdir", "logs"
    )
    assert (answer.status, answer.err) == (0, "")
    (layer,) = json.loads(Path("logs/summary.json").read_text())["net"]["layers"]
    assert layer["values"] == {"min": 1.0, "max": 3.0, "mean": pytest.approx(2.0)}


def test_grey_images_get_a_default_net_of_one_channel(command: Command) -> None:
    np.save("grey.npy", np.random.default_rng(0).random((3, 1, 16, 16)))
    assert command("run", "--data", "grey.npy").status == 0


def test_cifar10_in_both_layouts(command: Command) -> None:
    data = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cifar-10"
    if not data.is_dir():
        pytest.skip("no real CIFAR-10 beside the checkout")
    summaries = []
    for layout in ("cifar-10-batches-bin", "cifar-10-batches-py"):
        answer = command(
            *("run", "MaxPool2d(3)", "--data", "cifar10", "--data-dir", str(data / layout)),
            *("--logdir", layout),
        )
        assert (answer.status, answer.err) == (0, "")
        assert "--samples_per_plugin images=157" in answer.out
        for tag in ("input", "output"):
            assert steps(Path(layout), tag) == list(range(157))
        summary = json.loads((Path(layout) / "summary.json").read_text())
        assert (summary["images"], summary["batches"]) == (10_000, 157)
        assert summary["net"]["total"]["output_shape"] == [3, 10, 10]
        summaries.append(summary["net"])
    assert summaries[0] == summaries[1]


def without_images(folder: Path) -> Path:
    folder.mkdir()
    (folder / "notes.txt").write_text("no image")
    return folder


def truncated_image(path: Path) -> Path:
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:500])
    return path


def used_folder(folder: Path) -> Path:
    folder.mkdir()
    (folder / "events.out.tfevents.1").touch()
    return folder


WRONG: dict[str, tuple[list[str], int, str]] = {
    "unknown layer": (["Foo(3)"], 2, "layer is 'Foo(3)', but must be one of Conv2d"),
    "unknown argument": (["MaxPool2d(3, size=2)"], 2, "unexpected keyword argument 'size'"),
    "arity": (["Conv2d(3)"], 2, "missing a required argument"),
    "kernel too large": (["MaxPool2d(65)"], 2, "reach d*(k-1)+1 = 1*(65-1)+1 = 65"),
    "groups": (["Conv2d(3, 4, 3, groups=3)"], 2, "out_channels is 4, but must be divisible by"),
    "text for a number": (["MaxPool2d('3')"], 2, "kernel_size is '3' (str)"),
    "2**62": (["Conv2d(3, 4, 3, padding=4611686018427387904)"], 2, "4611686018427387904"),
    "zero stride": (["MaxPool2d(3, stride=0)"], 2, "stride is 0"),
    "negative kernel": (["MaxPool2d(-3)"], 2, "kernel_size is -3"),
    "zero dilation": (["MaxPool2d(3, dilation=0)"], 2, "dilation is 0"),
    "channels": (["Conv2d(4, 8, 3)"], 2, "4 channels, not 3"),
    "second layer's arguments": (["MaxPool2d(2)", "MaxPool2d(0)"], 2, "layer 2: kernel_size is 0"),
    "second layer": (["MaxPool2d(32)", "MaxPool2d(3)"], 2, "layer 2: kernel_size is (3, 3)"),
    "lone unpooling": (["MaxUnpool2d(2)"], 2, "layer 1 is MaxUnpool2d"),
    "batch size": (["--batch-size", "0"], 2, "batch_size is 0"),
    "limit": (["--limit", "-1"], 2, "limit is -1"),
    "a word for a number": (["--batch-size", "many"], 2, "--batch-size"),
    "split": (["--split", "validation"], 2, "--split is 'validation', but must be test or train"),
    "size": (["--size", "big"], 2, "--size is 'big'"),
    "size of another rank": (["--size", "1x2x3"], 2, "--size is '1x2x3', but must be HxW"),
    "size for cards": (["--size", "8x8"], 2, "size is (8, 8)"),
    "download of nothing": (["--download"], 2, "--download is 'sample'"),
    "unknown weights": (["--weights", "good"], 2, "weights is 'good', but must be edges, random"),
    "unknown data": (["--data", "nowhere"], 2, "data is 'nowhere'"),
    "missing data": (["--data", "cifar10"], 1, "no CIFAR-10 test data"),
    "empty folder": (["--data", "empty"], 1, "empty holds no image"),
    "truncated image": (["--data", "cut.png"], 1, "cut.png"),
    "used folder": (["--logdir", "used"], 2, "logdir is 'used', but must be a new or an empty"),
    "file as folder": (["--logdir", "cut.png"], 1, "cannot write to logdir cut.png"),
    "folder in a file": (["--logdir", "cut.png/x"], 1, "cannot write to logdir cut.png/x"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line_and_leaves_nothing(name: str, command: Command) -> None:
    without_images(Path("empty"))
    truncated_image(Path("cut.png"))
    used_folder(Path("used"))
    before = sorted(Path().rglob("*"))
    arguments, code, message = WRONG[name]
    answer = command("run", *arguments)
    assert answer.status == code
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert message in answer.err
    assert sorted(Path().rglob("*")) == before
    if code == 2:
        assert answer.out == ""


def test_damaged_image_in_a_later_batch_leaves_nothing(command: Command) -> None:
    Path("images").mkdir()
    for number in range(3):
        Image.effect_noise((64, 64), 50).save(f"images/{number}.png")
    truncated_image(Path("images/3.png"))
    answer = command("run", "--data", "images", "--batch-size", "1", "--logdir", "deep/logs")
    assert answer.status == 1
    assert "3.png" in answer.err
    assert not Path("deep").exists()


def test_ctrl_c_keeps_what_was_done(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_at(2, monkeypatch)
    answer = command("run", "MaxPool2d(2)", "--batch-size", "8", "--logdir", "logs")
    assert answer.status == 130
    assert answer.err == "error: interrupted\n"
    summary = json.loads(Path("logs/summary.json").read_text())
    assert (summary["complete"], summary["batches"], summary["images"]) == (False, 2, 16)
    assert steps(Path("logs"), "output") == [0, 1]


def test_ctrl_c_before_the_first_batch_leaves_nothing(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(0, monkeypatch)
    answer = command("run", "MaxPool2d(2)", "--logdir", "logs")
    assert answer.status == 130
    assert not Path("logs").exists()


def interrupt_at(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C while the given batch is in the net."""
    from convpool.runs import chain
    from convpool.runs.forward import forward

    calls = iter(range(1000))

    def interrupted(*arguments: Any) -> Any:
        if next(calls) == batch:
            raise KeyboardInterrupt
        return forward(*arguments)

    monkeypatch.setattr(chain, "forward", interrupted)
