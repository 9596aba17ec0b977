"""A bar that shows how far work is, and says what is done now."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

WIDE = 200
"""Columns printed where output is no terminal, so that no cell is cut."""


@contextmanager
def progress(total: int, *, live: bool = True) -> Iterator[Callable[[str], None]]:
    """Show a bar on the error stream; the function it gives says what begins now.

    Unless it is live it is drawn in that function alone, so that it takes no time of what is timed.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    described, console = TextColumn("{task.description}", markup=False), Console(stderr=True)
    with Progress(
        *columns,
        described,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        auto_refresh=live,
    ) as bar:
        task = bar.add_task("", total=total)
        begun = False

        def step(text: str) -> None:
            nonlocal begun
            bar.update(task, description=text, advance=int(begun), refresh=not live)
            begun = True

        yield step
