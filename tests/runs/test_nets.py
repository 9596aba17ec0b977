"""Runs of PyTorch's modules and data sets."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import convpool
from convpool.errors import ArgumentError, ArgumentTypeError, ConvpoolError, DataError
from convpool.images import open_source
from convpool.nn.running import run_on
from tests.cli.command import Command
from tests.test_board import read_back

FILE = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
    def forward(self, x):
        return x + self.act(self.conv(x))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.MaxPool2d(2))
        self.block = Block()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 15 * 15, 10))
    def forward(self, x):
        x = self.block(self.block(self.stem(x)))
        return self.head(x)

class Wrong(nn.Module):
    def forward(self, x):
        return x.sum()

class Late(nn.Module):
    def forward(self, x):
        assert len(x) < 4, "too many"
        return x
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.py"
    path.write_text(FILE)
    return path


def test_the_command_runs_a_net(file: Path, command: Command) -> None:
    options = ["--batch-size", "7", "--limit", "20", "--logdir", "logs", "--every-layer"]
    answer = command("run", f"{file}:Net", *options)
    assert (answer.status, answer.err) == (0, "")
    tags = [
        *("input", "stem.0-Conv2d", "stem.1-MaxPool2d"),
        *("block.conv-Conv2d", "block.act-ReLU", "block-Block"),
        *("block.conv-Conv2d-2", "block.act-ReLU-2", "block-Block-2"),
        *("head.0-Flatten", "output"),
    ]
    events = read_back(Path("logs"))
    assert sorted(events.Tags()["images"]) == sorted(tags)
    for tag in tags:
        assert [image.step for image in events.Images(tag)] == [0, 1, 2]
    summary = json.loads(Path("logs/summary.json").read_text())
    assert [*summary["net"]["values"]] == tags[1:]
    assert summary["net"]["total"]["output_shape"] == [1, 10]
    assert summary["net"]["values"]["block.conv-Conv2d"]["min"] < 0  # seen before ReLU's in place
    assert summary["net"]["values"]["block.act-ReLU"]["min"] == 0
    assert "20 images in 3 steps" in answer.out
    assert "(conv) Conv2d" in answer.out


def test_weights_and_seed(file: Path, command: Command) -> None:
    def mean(*options: str) -> float:
        command("run", f"{file}:Net", "--limit", "3", "--logdir", "logs", *options)
        summary = json.loads(Path("logs/summary.json").read_text())
        for path in Path("logs").iterdir():
            path.unlink()
        return float(summary["net"]["values"]["output"]["mean"])

    assert mean() == mean()
    assert mean("--seed", "1") != mean()
    net = convpool.nn.Sequential(nn.Linear(1, 1))
    torch.save(net.state_dict(), "wrong.pt")
    answer = command("run", f"{file}:Net", "--weights", "wrong.pt", "--logdir", "logs")
    assert answer.status == 2
    assert answer.err.startswith("error: weights is 'wrong.pt', but must be a state_dict that fits")
    assert answer.err.count("\n") == 1
    state = {
        name: torch.zeros_like(value)
        for name, value in convpool.nn.loading.load_net(f"{file}:Net").state_dict().items()
    }
    torch.save(state, "zeros.pt")
    assert mean("--weights", "zeros.pt") == 0


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ["{file}:Nets"],
            2,
            "net is 'Nets', but must be a name in {file}: Block, Late, Net, Wrong",
        ),
        (["{file}"], 2, "net is '{file}', but must be FILE.py:NAME, such as net.py:Net"),
        (["{file}:Net", "ReLU()"], 2, "LAYER is '{file}:Net ReLU()', but must be layers, or"),
        (["missing.py:Net"], 1, "missing.py is no file"),
        (["{file}:torch"], 2, "torch in {file} is <module 'torch' from "),
        (
            ["{file}:Block"],
            2,
            "input is (1, 3, 64, 64), but must be one that the net can take: Arg",
        ),
        (
            ["{file}:Wrong"],
            2,
            "the output of Wrong is (), but must be a tensor of numbers whose fi",
        ),
        (["{file}:Late"], 1, "Late failed on images (64, 3, 64, 64): AssertionError: too many"),
        (["{file}:Late", "--animate"], 2, "animate is True, but must be left out: Late, which co"),
        (["bad.py:Net"], 1, "bad.py, line 1: '(' was never closed"),
    ],
)
def test_bad_input(
    arguments: list[str], status: int, message: str, file: Path, command: Command
) -> None:
    Path("bad.py").write_text("class Net(:\n".replace(":", "nn.Module"))
    given = [text.format(file=file) for text in arguments]
    answer = command("run", *given, "--logdir", "logs")
    assert answer.err.startswith(f"error: {message.format(file=file)}"[:100])
    assert answer.status == status
    assert answer.err.count("\n") == 1
    assert not Path("logs").exists()


def test_a_module_runs_as_the_chain_of_its_layers(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.MaxPool2d(2)).train()
    first = net[0].state_dict()
    np.savez(tmp_path / "w.npz", **{f"0.{name}": value.numpy() for name, value in first.items()})
    source = open_source("sample")
    module = convpool.run(net, source, logdir=tmp_path / "module", limit=9, animate=True)
    layers = ["Conv2d(3, 4, 3)", "MaxPool2d(2)"]
    chain = convpool.run(
        layers, source, logdir=tmp_path / "chain", limit=9, weights=tmp_path / "w.npz"
    )
    assert module.values[-1].mean == pytest.approx(chain.values[-1].mean, rel=1e-4)
    assert net.training
    assert net[1].training
    assert "animation.html" in module.files
    with pytest.raises(ArgumentError, match="weights is 'edges', but must be left out for a torch"):
        convpool.run(net, source, logdir=tmp_path / "again", weights="edges")


def test_sets_and_loaders(tmp_path: Path) -> None:
    images = torch.randn(10, 1, 8, 8)
    data = TensorDataset(images, torch.arange(10))
    whole = convpool.run(["MaxPool2d(2)"], data, logdir=tmp_path / "a", batch_size=4)
    assert (whole.images, whole.batches) == (10, 3)
    seen: list[tuple[int, int]] = []
    loader = DataLoader(data, batch_size=3, drop_last=True)
    cut = convpool.run(
        nn.MaxPool2d(2),
        loader,
        logdir=tmp_path / "b",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert (cut.images, cut.batches, seen[-1]) == (9, 3, (9, 9))
    assert json.loads((tmp_path / "b/summary.json").read_text())["batch_size"] == 3
    expected = torch.nn.functional.max_pool2d(images[:9], 2).mean().item()
    assert cut.values[0].mean == pytest.approx(expected, rel=1e-5)
    limited = convpool.run(["MaxPool2d(2)"], loader, logdir=tmp_path / "c", limit=4)
    assert (limited.images, limited.batches) == (4, 2)
    with pytest.raises(ArgumentError, match="batch_size is 5, but must be left out: the loader's"):
        convpool.run(["MaxPool2d(2)"], loader, logdir=tmp_path / "d", batch_size=5)


class Failing(Dataset[Any]):
    def __init__(self, *samples: Any) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (5, ArgumentTypeError, "source is 5 .int., but must be an image source, a Dataset or a Da"),
        (Failing(), DataError, "Failing failed on its first sample: IndexError"),
        (Failing("cat"), ArgumentError, "a batch of images is 'str', but must be"),
        (
            Failing(torch.ones(2, 2)),
            ArgumentError,
            r"a batch of images is \(1, 2, 2\), but must be",
        ),
        (Failing(torch.ones(3, 8, 8)), DataError, "Failing failed after 0 images: IndexError"),
        (TensorDataset(torch.ones(0, 3, 8, 8)), ArgumentError, "with at least one sample"),
        (
            DataLoader(Failing(*(torch.ones(3, 8, size) for size in (8, 9, 9))), batch_size=1),
            DataError,
            r"images \(3, 8, 9\) after \(3, 8, 8\), but all must have one shape",
        ),
    ],
)
def test_bad_data(data: Any, error: type[ConvpoolError], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        convpool.run(["MaxPool2d(2)"], data, logdir=tmp_path / "logs")
    assert not (tmp_path / "logs").exists()


class Several(nn.Module):
    """Calls a part once or twice, by what it is given, and returns a dict of half the precision."""

    def __init__(self) -> None:
        super().__init__()
        self.part = nn.Identity()

    def forward(self, images: Tensor) -> dict[str, Any]:
        images = self.part(images)
        if images.mean() > 1:
            images = self.part(images)
        return {"told": "no tensor", "maps": images.bfloat16()}


def test_nets_that_go_several_ways(tmp_path: Path) -> None:
    images = torch.ones(4, 1, 4, 4)
    images[2:] = 2
    summary = convpool.run(
        Several(), TensorDataset(images), logdir=tmp_path, batch_size=2, every_layer=True
    )
    assert [value.highest for value in summary.values] == [2, 2]
    assert sorted(read_back(tmp_path).Tags()["images"]) == ["input", "output", "part-Identity"]


def test_lazy_and_compiled_nets(tmp_path: Path) -> None:
    lazy = nn.Sequential(nn.LazyConv2d(4, 3), nn.Flatten(), nn.LazyLinear(5))
    summary = convpool.run(lazy, open_source("sample"), logdir=tmp_path / "lazy", limit=2)
    assert summary.report.parameters == 112 + 5 * (4 * 62 * 62 + 1)
    compiled = torch.compile(nn.Conv2d(3, 4, 3), backend="eager")
    convpool.run(compiled, open_source("sample"), logdir=tmp_path / "compiled", limit=2)
    script = torch.jit.ScriptModule()
    with pytest.raises(ArgumentTypeError, match="must be a module that TorchScript hasn't comp"):
        convpool.run(script, open_source("sample"), logdir=tmp_path / "script")


@pytest.mark.parametrize(
    ("shape", "maps"),
    [
        ((), (2, 1, 1, 1)),
        ((10,), (2, 1, 1, 10)),
        ((128,), (2, 1, 2, 64)),
        ((5, 7), (2, 1, 5, 7)),
        ((2, 3, 4, 5), (2, 6, 4, 5)),
    ],
)
def test_outputs_of_any_shape_become_maps(shape: tuple[int, ...], maps: tuple[int, ...]) -> None:
    class Made(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.ones(len(images), *shape)

    (output,) = run_on(Made(), np.ones((2, 1, 4, 4), np.float32))
    assert output.maps.shape == maps
