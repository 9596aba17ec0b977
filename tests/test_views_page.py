"""The page of views: its commands work, and draw the films whose pictures stand beside them."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command import Command

FOLDER = Path(__file__).parents[1] / "docs" / "views"
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^convpool (animate .*) -o (\w+\.gif)$", PAGE, flags=re.MULTILINE)


def frames(path: Path) -> int:
    with Image.open(path) as picture:
        return getattr(picture, "n_frames", 1)


@pytest.mark.parametrize(("arguments", "name"), COMMANDS, ids=[name for _, name in COMMANDS])
def test_a_command_draws_its_picture(
    arguments: str, name: str, command: Command, tmp_path: Path
) -> None:
    answer = command(*shlex.split(arguments), "-o", str(tmp_path / name))
    assert (answer.status, answer.err) == (0, "")
    assert frames(tmp_path / name) == frames(FOLDER / name)


def test_every_picture_has_a_command() -> None:
    drawn = {name for _, name in COMMANDS}
    assert drawn == {path.name for path in FOLDER.glob("*.gif")}
    assert drawn == set(re.findall(r"!\[.+\]\((.+)\)", PAGE))
