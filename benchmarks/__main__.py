"""`python -m benchmarks`: the layers beside the peers; subcommands for the rest."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from benchmarks import first_call, sweep
from benchmarks.cases import LAYOUTS, Case, Layout, all_cases, select, training
from benchmarks.machine import usable_cpus
from benchmarks.means import counted, means_from
from benchmarks.peers import chosen
from benchmarks.race import QUICK, Pace
from benchmarks.run import Order, Report, run
from benchmarks.tables import error_table, groups, heading, line_table, mean_table
from convpool.errors import ArgumentError, ConvpoolError
from convpool.files import write_whole

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

WIDE = 200
"""Columns printed where output isn't a terminal, so that no cell is cut."""

Threads = Annotated[str, typer.Option(help="Thread counts, such as 1,2.")]
Match = Annotated[str, typer.Option(help="Only layers with this in net, layer, op or class.")]
Peers = Annotated[
    str | None, typer.Option(help="Such as torch,onnxruntime. [default: all that are installed]")
]
Batch = Annotated[str, typer.Option(help="1, table (the table's), or both.")]
Layouts = Annotated[str, typer.Option("--layout", help="nchw, nhwc (channels-last), or both.")]
Quick = Annotated[bool, typer.Option("--quick", help="One short round, to try things.")]


@app.callback(invoke_without_command=True)
def layers(
    context: typer.Context,
    threads: Threads = "1,2",
    batch: Batch = "both",
    layout: Layouts = "both",
    match: Match = "",
    rounds: Annotated[int, typer.Option(min=1, help="Of timing.")] = Pace.rounds,
    quick: Quick = False,
    peers: Peers = None,
    json_to: Annotated[
        Path | None, typer.Option("--json", help="Write everything to this file.")
    ] = None,
    picture_to: Annotated[
        Path | None, typer.Option("--picture", help="Draw to this .png or .svg file.")
    ] = None,
) -> None:
    """Time the layers of the tables beside the peers, every output verified first."""
    if context.invoked_subcommand is not None:
        return
    pace = QUICK if quick else Pace(rounds=rounds)
    order = _order(threads, batch, layout, match, peers, pace)
    console = _console()
    report = _carried_out(order)
    _print(report, console, json_to)
    if picture_to is not None:
        from benchmarks import picture  # matplotlib may be missing

        picture.draw(report.means, report.machine.cpu, picture_to)
    _end(report, console)


@app.command()
def backward(
    threads: Threads = "1,2",
    batch: Annotated[str, typer.Option(help="Numbers of images, such as 16,64.")] = "16,64",
    layout: Layouts = "nchw",
    match: Match = "",
    rounds: Annotated[int, typer.Option(min=1, help="Of timing.")] = Pace.rounds,
    quick: Quick = False,
    json_to: Annotated[
        Path | None, typer.Option("--json", help="Write everything to this file.")
    ] = None,
) -> None:
    """Time gradients beside PyTorch: by input and weight, and max pooling forward and backward."""
    sizes = [text.strip() for text in batch.split(",")]
    if not all(size.isdecimal() and int(size) for size in sizes):
        raise ArgumentError("--batch", batch, "numbers of images, such as 16,64")
    pace = QUICK if quick else Pace(rounds=rounds)
    order = _order(threads, "table", layout, match, "torch", pace)
    cases = training(order.cases, map(int, sizes))
    order, console = replace(order, cases=cases, batches=tuple(sizes)), _console()
    report = _carried_out(order)
    _print(report, console, json_to)
    _end(report, console)


@app.command()
def accuracy(
    match: Match = "", peers: Peers = None, batch: Batch = "table", layout: Layouts = "nchw"
) -> None:
    """Print the errors against float64 alone: largest error over the output's root mean square."""
    order = _order("1", batch, layout, match, peers, None)
    report, console = _carried_out(order), _console()
    for title, lines in groups(report):
        console.print(error_table(title, lines), "")
    _end(report, console)


@app.command()
def steady(threads: Threads = "1,2", peers: Peers = "torch", quick: Quick = False) -> None:
    """Print what a byte of output costs where outputs exceed 32 MiB, and at a quarter of that."""
    _sweeps(sweep.batches(), sweep.batch_table, threads, peers, quick)


@app.command()
def sizes(threads: Threads = "1,2", peers: Peers = "torch", quick: Quick = False) -> None:
    """Print what a pixel costs from 256² to 4096²."""
    _sweeps(sweep.sides(), sweep.side_table, threads, peers, quick)


@app.command("first-call")
def first_calls() -> None:
    """Print each operator's first call in a fresh process, without cache and with."""
    calls = []
    with _progress(len(first_call.CALLS)) as step:
        for operator in first_call.CALLS:
            step(operator)
            calls.append(first_call.first_call(operator))
    _console().print(first_call.first_call_table(calls))


@app.command("picture")
def draw_again(
    run_file: Annotated[Path, typer.Argument(help="That --json wrote.")],
    to: Annotated[Path, typer.Argument(help="A .png or .svg file.")],
) -> None:
    """Draw the picture of an earlier run."""
    from benchmarks import picture

    content = json.loads(run_file.read_bytes())
    picture.draw(means_from(content["means"]), content["machine"]["cpu"], to)


def _order(
    threads: str, batch: str, layout: str, match: str, peers: str | None, pace: Pace | None
) -> Order:
    batches = {"1": ("1",), "table": ("table",), "both": ("1", "table")}
    if batch not in batches:
        raise ArgumentError("--batch", batch, f"one of {', '.join(batches)}")
    layouts: dict[str, tuple[Layout, ...]] = {"nchw": ("nchw",), "nhwc": ("nhwc",), "both": LAYOUTS}
    if layout not in layouts:
        raise ArgumentError("--layout", layout, f"one of {', '.join(layouts)}")
    cases = select(all_cases(), batch=batch, match=match)
    if not cases:
        raise ArgumentError("--match", match, "part of a layer's net, name, operation or class")
    counts, names = _threads(threads), tuple(chosen(peers))
    return Order(cases, batches[batch], layouts[layout], counts, names, pace)


def _threads(text: str) -> tuple[int, ...]:
    cpus = usable_cpus()
    counts = [int(count) if count.strip().isdecimal() else 0 for count in text.split(",")]
    if not all(1 <= count <= cpus for count in counts):
        raise ArgumentError("--threads", text, f"numbers from 1 to {cpus}, the CPUs there are")
    return tuple(dict.fromkeys(counts))


def _sweeps(
    layers: list[list[Case]],
    table: Callable[[Sequence[sweep.Sweep], int], Table],
    threads: str,
    peers: str | None,
    quick: bool,
) -> None:
    counts, names = _threads(threads), chosen(peers)
    for count in counts:
        swept = []
        with _progress(len(layers)) as step:
            for cases in layers:
                step(f"{cases[0].name}, {counted(count)}")
                swept.append(sweep.sweep(cases, count, names, QUICK if quick else Pace()))
        _console().print(table(swept, count), "")


def _print(report: Report, console: Console, json_to: Path | None) -> None:
    console.print(heading(report), "")
    for title, lines in groups(report):
        console.print(line_table(title, lines), "")
    for setting in report.order.settings:
        console.print(mean_table(setting, report.means), "")
    if json_to is not None:
        write_whole(json_to, report.to_json())


def _carried_out(order: Order) -> Report:
    with _progress(len(order) + len(order.threads)) as step:
        return run(order, step)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show a bar on the error stream; the function it gives says what begins now."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    described = TextColumn("{task.description}", markup=False)
    with Progress(*columns, described, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        begun = False

        def step(text: str) -> None:
            nonlocal begun
            progress.update(task, description=text, advance=int(begun))
            begun = True

        yield step


def _console() -> Console:
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=WIDE)


def _end(report: Report, console: Console) -> None:
    """Say how long it took; a wrong output or an end before time is a failure."""
    missing = len(report.order) - len(report.lines)
    console.print(f"{len(report.lines)} lines in {report.seconds:.0f} s")
    if missing:
        console.print(f"interrupted: {missing} lines not measured")
    for line in report.wrong:
        console.print(
            f"WRONG: {', '.join(line.wrong)} in {line.case.name}, batch {line.case.n}, "
            f"{line.layout}, {counted(line.threads)}"
        )
    if report.wrong or missing:
        raise typer.Exit(1)


def main() -> None:
    """Run the command; a mistake in what was asked for is one line and exit status 2."""
    try:
        app(prog_name="python -m benchmarks")
    except ConvpoolError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
