"""What the commands share: options, the bar that shows how far they are, and how they end."""

from collections.abc import Sized
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console

from convpool.bench.machine import usable_cpus
from convpool.cli.progress import WIDE
from convpool.errors import ArgumentError

Threads = Annotated[str, typer.Option(help="Thread counts, such as 1,2.")]
Match = Annotated[str, typer.Option(help="Only layers with this in net, layer, op or class.")]
Peers = Annotated[
    str | None, typer.Option(help="Such as torch,onnxruntime. [default: all that are installed]")
]
Batch = Annotated[str, typer.Option(help="1, table (the table's), or both.")]
Layouts = Annotated[str, typer.Option("--layout", help="nchw, nhwc (channels-last), or both.")]
Images = Annotated[str, typer.Option(help="Numbers of images, such as 1,8.")]
Networks = Annotated[str, typer.Option(help="Only networks with this in name or data.")]
Rounds = Annotated[int, typer.Option(min=1, help="Of timing.")]
Quick = Annotated[bool, typer.Option("--quick", help="One short round, to try things.")]
Precision = Annotated[str, typer.Option(help="Of ours: fast or strict.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write everything to this file.")]


def thread_counts(text: str) -> tuple[int, ...]:
    """Return the numbers of threads of a text such as "1,2"."""
    cpus = usable_cpus()
    counts = [int(count) if count.strip().isdecimal() else 0 for count in text.split(",")]
    if not all(1 <= count <= cpus for count in counts):
        raise ArgumentError("--threads", text, f"numbers from 1 to {cpus}, the CPUs there are")
    return tuple(dict.fromkeys(counts))


def image_counts(text: str) -> tuple[int, ...]:
    """Return the numbers of images of a text such as "1,8"."""
    sizes = [size.strip() for size in text.split(",")]
    if not all(size.isdecimal() and int(size) for size in sizes):
        raise ArgumentError("--batch", text, "numbers of images, such as 1,8")
    return tuple(dict.fromkeys(map(int, sizes)))


def open_console() -> Console:
    """Return the terminal, or the file in its place."""
    found = Console(highlight=False, markup=False)
    return found if found.is_terminal else Console(highlight=False, markup=False, width=WIDE)


class Report(Protocol):
    """A report, as far as its end is concerned."""

    @property
    def lines(self) -> Sized:
        """What was measured."""
        ...

    @property
    def seconds(self) -> float:
        """That it took."""
        ...

    @property
    def missing(self) -> int:
        """How many lines an end before time left out."""
        ...

    @property
    def wrong(self) -> list[str]:
        """What was wrong, and where."""
        ...


def end(report: Report, console: Console) -> None:
    """Say how long it took; a wrong output or an end before time is a failure."""
    console.print(f"{len(report.lines)} lines in {report.seconds:.0f} s")
    if report.missing:
        console.print(f"interrupted: {report.missing} lines not measured")
    for where in report.wrong:
        console.print(f"WRONG: {where}")
    if report.wrong or report.missing:
        raise typer.Exit(1)
