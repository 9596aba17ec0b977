"""What is no net, no file of weights, or weights of another net: one clear line."""

from pathlib import Path

import pytest
import torch
from torch import nn

from convpool.errors import ArgumentError, ConvpoolError, DataError
from convpool.nn.loading import load_net

NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 6, 3)

class Other:
    pass

class Many(torch.nn.Sequential):
    def __init__(self):
        super().__init__(*(torch.nn.Conv2d(1, 1, 1) for _ in range(99)))

class Failing(torch.nn.Module):
    def __init__(self):
        raise KeyError("nothing")

def numbers():
    return [1]

def sized(channels):
    return Net()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "broken.py").write_text("class Net(:\n    pass\n")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "missing.py").write_text("import no_such_module_anywhere\n")
    fitting = {"layer.weight": torch.zeros(6, 3, 3, 3), "layer.bias": torch.zeros(6)}
    torch.save(fitting, tmp_path / "fitting.pt")
    torch.save({**fitting, "extra": torch.zeros(1)}, tmp_path / "extra.pt")
    torch.save({"layer.weight": torch.zeros(6, 1, 3, 3)}, tmp_path / "other.pt")
    torch.save({1: torch.zeros(1)}, tmp_path / "numbered.pt")
    torch.save({key: [0.0] for key in fitting}, tmp_path / "lists.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    torch.save(nn.Conv2d(3, 6, 3), tmp_path / "module.pt")
    (tmp_path / "garbage.pt").write_bytes(b"hello")
    (tmp_path / "empty.pt").write_bytes(b"")
    return tmp_path


NETS: dict[str, tuple[str, type[ConvpoolError], str]] = {
    "no module": ("net.py:Other", ArgumentError, r"Other in .* must be a torch.nn.Module"),
    "a list": (
        "net.py:numbers",
        ArgumentError,
        r"numbers in .* is \[1\], but must be a torch.nn.Mod",
    ),
    "an argument": (
        "net.py:sized",
        DataError,
        r"sized\(\) in .* failed: TypeError: sized\(\) missing",
    ),
    "failing": ("net.py:Failing", DataError, r"Failing\(\) in .* failed: KeyError: 'nothing'"),
    "no such name": ("net.py:Nut", ArgumentError, "net is 'Nut', but must be a name in .*: Net, "),
    "syntax": ("broken.py:Net", DataError, "broken.py, line 1: invalid syntax"),
    "binary": ("binary.py:Net", DataError, r"binary.py: [^,]*$"),
    "an import": ("missing.py:Net", DataError, "failed: ModuleNotFoundError: No module named"),
    "no file": ("none.py:Net", DataError, "none.py is no file"),
}


@pytest.mark.parametrize("name", NETS)
def test_no_net(name: str, folder: Path) -> None:
    place, kind, message = NETS[name]
    with pytest.raises(kind, match=message):
        load_net(f"{folder / place}")


WEIGHTS: dict[str, tuple[str, type[ConvpoolError], str]] = {
    "one too many": (
        "extra.pt",
        ArgumentError,
        r"a state_dict that fits Net: .*Unexpected .*extra",
    ),
    "another shape": ("other.pt", ArgumentError, "a state_dict that fits Net: .*size mismatch"),
    "numbers as names": ("numbered.pt", ArgumentError, "a state_dict that fits Net"),
    "lists": ("lists.pt", ArgumentError, "a state_dict that fits Net"),
    "a list": ("list.pt", ArgumentError, "weights is 'list', but must be a state_dict"),
    "a whole net": ("module.pt", DataError, r"can't be read: .* holds more than tensors"),
    "anything": ("garbage.pt", DataError, "garbage.pt can't be read"),
    "nothing": ("empty.pt", DataError, "empty.pt can't be read"),
    "no file": ("none.pt", DataError, "none.pt can't be read: FileNotFoundError"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_no_weights(name: str, folder: Path) -> None:
    file, kind, message = WEIGHTS[name]
    with pytest.raises(kind, match=message) as caught:
        load_net(f"{folder / 'net.py'}:Net", folder / file)
    assert "\n" not in str(caught.value)


def test_a_long_list_of_weights_is_cut(folder: Path) -> None:
    with pytest.raises(ArgumentError, match=r"Missing key.* \.\.\.$") as caught:
        load_net(f"{folder / 'net.py'}:Many", folder / "fitting.pt")
    assert len(str(caught.value)) < 600
