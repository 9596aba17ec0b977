"""`convpool summary`: a user's net, and one line for each way it can be wrong."""

from pathlib import Path

import pytest
import torch

from convpool.nn.loading import load_net
from convpool.nn.summary import summarize
from tests.cli.command import Command

FILE = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
    def forward(self, x):
        return torch.relu(x + self.norm(self.conv(x)))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.block = Block()
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4096, 10))
    def forward(self, x):
        x = self.block(self.block(self.stem(x)))
        return self.head(self.up(x))

def make():
    return Net()

def broken():
    raise KeyError("weights")

net = Net()
number = 5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize("name", ["Net", "make", "net"])
def test_print(file: Path, name: str, command: Command) -> None:
    answer = command("summary", f"{file}:{name}", "--input", "2x3x32x32")
    assert answer.status == 0
    lines = [
        " ".join(line.strip("│┃ ").replace("│", " ").split()) for line in answer.out.split("\n")
    ]
    macs = {
        "stem": 2 * 8 * 27 * 256,
        "conv": 2 * 8 * 72 * 256,
        "up": 2 * 8 * 4 * 4 * 256,
        "head": 2 * 4096 * 10,
    }
    block = f"(block) Block 2×8×16×16 592 {macs['conv']:,}"
    again = f"(block) Block 2×8×16×16 0 {macs['conv']:,}"
    total = 224 + 592 + 132 + 40970
    assert block in lines
    assert again in lines
    assert any(line.startswith("(norm) BatchNorm2d(8") for line in lines)
    assert f"total {total:,} {sum(macs.values()) + macs['conv']:,}" in lines


def test_nothing_is_computed(file: Path) -> None:
    net = load_net(f"{file}:Net")
    before = {name: value.clone() for name, value in net.state_dict().items()}
    report = summarize(net, (1024, 3, 32, 32))  # some 10 GB, if it were
    assert report.output_shape == (1024, 10)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.parametrize(
    ("place", "status", "message"),
    [
        ("net", 2, "net is 'net', but must be FILE.py:NAME, such as net.py:Net"),
        ("missing.py:Net", 1, "missing.py is no file"),
        ("{file}:Nets", 2, "net is 'Nets', but must be a name in {file}: Block, Net, net"),
        ("{file}:number", 2, "number in {file} is 5, but must be a torch.nn.Module, or make one"),
        ("{file}:broken", 1, "broken() in {file} failed: KeyError: 'weights'"),
    ],
)
def test_wrong_nets(place: str, status: int, message: str, file: Path, command: Command) -> None:
    answer = command("summary", place.format(file=file), "--input", "1x3x32x32")
    assert answer.status == status
    assert answer.err.startswith(f"error: {message.format(file=file)}")
    assert answer.err.count("\n") == 1


def test_wrong_input(file: Path, command: Command) -> None:
    answer = command("summary", f"{file}:Net", "--input", "1x4x32x32")
    assert answer.status == 2
    assert answer.err.startswith("error: input is (1, 4, 32, 32), but must be one that the net can")
    assert answer.err.count("\n") == 1


def test_a_syntax_error(tmp_path: Path, command: Command) -> None:
    path = tmp_path / "bad.py"
    path.write_text("x = 1\nclass Net(:\n")
    answer = command("summary", f"{path}:Net", "--input", "1x3x32x32")
    assert answer.status == 1
    assert answer.err == f"error: {path}, line 2: invalid syntax\n"


def test_weights(file: Path, tmp_path: Path) -> None:
    net = load_net(f"{file}:Net")
    torch.save(net.state_dict(), tmp_path / "net.pt")
    again = load_net(f"{file}:Net", tmp_path / "net.pt")
    assert all(map(torch.equal, net.parameters(), again.parameters()))
    torch.save({"stem.weight": torch.ones(1)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"a state_dict that fits Net: RuntimeError.*block"):
        load_net(f"{file}:Net", tmp_path / "other.pt")
    torch.save([1], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="weights is 'list', but must be a state_dict"):
        load_net(f"{file}:Net", tmp_path / "list.pt")
    (tmp_path / "text.pt").write_text("weights")
    with pytest.raises(OSError, match=r"text.pt can't be read"):
        load_net(f"{file}:Net", tmp_path / "text.pt")


CHAIN = """
from torch import nn

def chain():
    return nn.Sequential(
        nn.Conv2d(3, 8, 7, stride=2, padding=3), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1, return_indices=False), nn.ConvTranspose2d(8, 4, 2, stride=2),
        nn.Flatten(), nn.Linear(4 * 16 * 16, 10),
    )

class Written(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
    def forward(self, x):
        y = self.conv(x)
        y += x.roll(5, -1)
        return self.conv(y)
"""


def test_receptive_fields_along_a_chain(tmp_path: Path, command: Command) -> None:
    (tmp_path / "net.py").write_text(CHAIN)
    report = summarize(load_net(f"{tmp_path / 'net.py'}:chain"), (1, 3, 32, 32))
    fields = [call.field and call.field.size for call in report.calls]
    same = (7, 7)
    assert fields == [None, same, same, same, (11, 11), (11, 11), None, None]
    answer = command("summary", f"{tmp_path / 'net.py'}:chain", "--input", "1x3x32x32")
    assert "sees" in answer.out
    assert "11×11" in answer.out


def test_a_tensor_that_is_written_to_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(CHAIN)
    report = summarize(load_net(f"{tmp_path / 'net.py'}:Written"), (1, 3, 32, 32))
    assert [call.field and call.field.size for call in report.calls] == [None, (3, 3), None]


def test_weights_on_the_command_line(file: Path, tmp_path: Path, command: Command) -> None:
    torch.save(load_net(f"{file}:Net").state_dict(), tmp_path / "net.pt")
    shape = ["--input", "1x3x32x32"]
    fitting = ["--weights", str(tmp_path / "net.pt")]
    assert command("summary", f"{file}:Net", *shape, *fitting).status == 0
    answer = command("summary", f"{file}:Block", *shape, *fitting)
    assert answer.status == 2
    assert "must be a state_dict that fits Block" in answer.err
    assert answer.err.count("\n") == 1
