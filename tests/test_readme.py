"""What the README shows is what happens: its commands' output and its Python."""

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.command import Command

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.splitlines()[0])
def test_commands_print_what_the_readme_shows(block: str, command: Command) -> None:
    typed, shown = block.split("\n", maxsplit=1)
    program, *arguments = shlex.split(typed.removeprefix("$ "))
    assert program == "convpool"
    answer = command(*arguments)
    printed = answer.out + answer.err
    if shown.endswith("  ...\n"):
        assert printed.startswith(shown.removesuffix("  ...\n"))
    else:
        assert printed == shown


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.splitlines()[0])
def test_python_runs_and_gives_the_values_in_its_comments(block: str) -> None:
    names: dict[str, object] = {}
    exec(block, names)
    for line in block.splitlines():
        if match := re.fullmatch(r"(\S+)  # (.+?)(:.*)?", line):
            expression, value, _ = match.groups()
            assert repr(eval(expression, names)) == value


def test_there_are_blocks_to_check() -> None:
    assert len(blocks("console")) >= 3
    assert len(blocks("python")) >= 2
