import os

os.environ["CONVPOOL_POISON"] = "1"  # what a kernel leaves unwritten is NaN, in subprocesses too
# Threads of OpenMP that have nothing to do leave the cores to the other workers at once; by default
# they spin (a sixth of the CPU time of kernel tests, beside other programs).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest

from tests.cli.command import Command


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)
