"""Fast or strict: in a context, in the environment, in a thread of its own."""

import os
import subprocess
import sys
from threading import Thread

import pytest

from convpool import ArgumentError, get_precision, precision
from convpool.precisions import ENVIRONMENT


def test_contexts_nest_and_end() -> None:
    with precision("strict"):
        with precision("fast"):
            assert get_precision() == "fast"
        assert get_precision() == "strict"
        with pytest.raises(KeyError), precision("fast"):
            raise KeyError
        assert get_precision() == "strict"
    assert get_precision() == "fast"


def test_it_belongs_to_the_context_that_runs() -> None:
    seen: list[str] = []
    with precision("strict"):
        thread = Thread(target=lambda: seen.append(get_precision()))
        thread.start()
        thread.join()
    assert seen == ["fast"]


@pytest.mark.parametrize("mode", ["exact", "", None, 1])
def test_no_other_names(mode: object) -> None:
    with pytest.raises(ArgumentError, match=r"mode is .*, but must be 'fast' or 'strict'"):
        precision(mode)  # type: ignore[arg-type]


def answer(mode: str) -> subprocess.CompletedProcess[str]:
    program = "import convpool; print(convpool.get_precision())"
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, ENVIRONMENT: mode},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_environment() -> None:
    assert answer("strict").stdout.strip() == "strict"
    assert "CONVPOOL_PRECISION is 'strickt', but must be" in answer("strickt").stderr
