"""Calls the command in this process and tells what it answered."""

from dataclasses import dataclass

import pytest

from convpool.cli import status


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str


class Command:
    """`command("explain", "MaxPool2d(2)", "--input", "5x5")` at a width of 100 columns."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        monkeypatch.setenv("COLUMNS", "100")
        for name in ("NO_COLOR", "FORCE_COLOR", "TERM"):
            monkeypatch.delenv(name, raising=False)

    def __call__(self, *arguments: str) -> Answer:
        self._capsys.readouterr()
        code = status(list(arguments))
        out, err = self._capsys.readouterr()
        return Answer(code, out, err)
