"""Who takes part: a library, as something that prepares calls for a task."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from convpool.bench.task import Task

Run = Callable[[], object]
"""A call that returns the outputs, as something that `task.as_arrays` takes."""

OURS = ("functions", "bound")
"""The columns that are convpool: weights packed in each call, and packed once."""


class Contestant(Protocol):
    """A library that takes part."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it fills."""
        ...

    def session(self, threads: int) -> AbstractContextManager[None]:
        """Return a context in which its calls use so many threads, and as users run it."""
        ...

    def prepare(self, task: "Task") -> dict[str, Run]:
        """Return a call for each column that it can fill for the task, everything made ready."""
        ...


def has_torch() -> bool:
    """Return whether PyTorch is installed."""
    return find_spec("torch") is not None
