"""What every door costs to enter, and how the command itself behaves."""

import subprocess
import sys

import pytest

import convpool
from tests.cli.command import Command

HEAVY = ("numpy", "numba", "torch", "PIL", "tensorboardX", "tensorboard", "convpool.functional")

DOORS = {
    "import convpool": (),
    "import convpool; convpool.parse_layer('MaxPool2d(2)')": (),
    "import convpool; convpool.output_shape(convpool.MaxPool2dSpec(2), (3, 8, 8))": (),
    "from convpool.cli import status; status(['--help'])": (),
    "from convpool.cli import status; status(['run', '--help'])": (),
    "from convpool.cli import status; status(['animate', '--help'])": (),
    "from convpool.cli import status; status(['bench', '--help'])": (),
    "from convpool.cli import status; status(['bench', 'Foo(3)', '--input', '5x5'])": (),
    "from convpool.cli import status; status(['animate', 'Foo(3)'])": (),
    "from convpool.cli import status; status(['explain', 'MaxPool2d(2)', '--input', '5x5'])": (),
    "from convpool.cli import status; status(['run', 'Foo(3)'])": (),
    "from convpool.cli import status; status(['run', 'net.py:Net', 'ReLU()'])": (),
    "import convpool.functional": ("numpy", "convpool.functional"),
}


@pytest.mark.parametrize("program", DOORS)
def test_a_door_loads_only_what_it_needs(program: str) -> None:
    shown = f"{program}\nimport sys\nprint('loaded', *sys.modules)"
    answer = subprocess.run([sys.executable, "-c", shown], capture_output=True, check=True)
    modules = answer.stdout.decode().split("loaded ")[-1].split()
    assert {name for name in HEAVY if name in modules} <= {*DOORS[program]}


def test_the_module_is_the_command() -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "convpool", "explain", "MaxPool2d(0)", "--input", "5x5"],
        capture_output=True,
        check=False,
    )
    assert answer.returncode == 2
    assert answer.stderr.decode().splitlines() == [
        "error: kernel_size is 0, but must be a whole number of at least 1 "
        "or a pair of them (height, width)"
    ]


def test_version_and_help(command: Command) -> None:
    assert command("--version").out == f"convpool {convpool.__version__}\n"
    answer = command("--help")
    assert answer.status == 0
    for name in ("explain", "apply", "animate", "run", "bench"):
        assert f"  {name} " in answer.out
    assert command().status == 2


@pytest.mark.parametrize("arguments", [["fly"], ["run", "--wings"], ["explain"], ["explain", "a"]])
def test_wrong_usage_is_one_line(arguments: list[str], command: Command) -> None:
    answer = command(*arguments)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1


def test_every_public_name_is_there_once() -> None:
    assert len(set(convpool.__all__)) == len(convpool.__all__)
    for name in convpool.__all__:
        assert getattr(convpool, name) is not None
        assert name in dir(convpool)
    with pytest.raises(AttributeError, match="no attribute 'conv3d'"):
        convpool.conv3d  # noqa: B018
