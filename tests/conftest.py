import os

os.environ["CONVPOOL_POISON"] = "1"  # what a kernel leaves unwritten is NaN, in subprocesses too

import pytest

from tests.cli.command import Command


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)
