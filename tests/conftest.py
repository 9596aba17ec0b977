import os

os.environ["CONVPOOL_POISON"] = "1"  # what a kernel leaves unwritten is NaN, in subprocesses too
# Threads of OpenMP that have nothing to do leave the cores to the other workers at once; by default
# they spin (a sixth of the CPU time of kernel tests, beside other programs).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
from hypothesis import HealthCheck, settings

from tests.cli.command import Command

# The first call into PyTorch imports much, and others use the same cores.
settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)
