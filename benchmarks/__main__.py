"""`python -m benchmarks`: the layers beside the peers; subcommands for the rest."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import first_call, network_commands, sweep
from benchmarks.cases import NETWORKS, TABLES, Case, all_cases, select, training
from benchmarks.means import means_from
from benchmarks.peers import chosen
from benchmarks.report.command import report
from benchmarks.run import Order, Report, run
from benchmarks.tables import error_table, groups, line_table, mean_table
from benchmarks.terminal import (
    Batch,
    Images,
    Json,
    Layouts,
    Match,
    Peers,
    Precision,
    Quick,
    Rounds,
    Threads,
    end,
    image_counts,
    open_console,
    thread_counts,
)
from convpool.bench.cases import LAYOUTS, Layout
from convpool.bench.machine import counted, heading
from convpool.bench.race import QUICK, Pace
from convpool.cli.progress import progress
from convpool.errors import ArgumentError, ConvpoolError
from convpool.files import write_whole
from convpool.precisions import FAST, checked

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def layers(
    context: typer.Context,
    threads: Threads = "1,2",
    batch: Batch = "both",
    layout: Layouts = "both",
    match: Match = "",
    rounds: Rounds = Pace.rounds,
    quick: Quick = False,
    peers: Peers = None,
    precision: Precision = FAST,
    table: Annotated[str, typer.Option(help="usual, or networks (further ones).")] = "usual",
    json_to: Json = None,
    picture_to: Annotated[
        Path | None, typer.Option("--picture", help="Draw to this .png or .svg file.")
    ] = None,
) -> None:
    """Time the layers of the tables beside the peers, every output verified first."""
    if context.invoked_subcommand is not None:
        return
    pace = QUICK if quick else Pace(rounds=rounds)
    order = _order(threads, batch, layout, match, peers, pace, table)
    order = replace(order, precision=checked("--precision", precision))
    console = open_console()
    found = _carried_out(order)
    _print(found, console, json_to)
    if picture_to is not None:
        from benchmarks import picture  # matplotlib may be missing

        picture.draw(found.means, found.machine.cpu, picture_to)
    end(found, console)


@app.command()
def backward(
    threads: Threads = "1,2",
    batch: Images = "16,64",
    layout: Layouts = "nchw",
    match: Match = "",
    rounds: Rounds = Pace.rounds,
    quick: Quick = False,
    json_to: Json = None,
) -> None:
    """Time gradients beside PyTorch: by input and weight, and max pooling forward and backward."""
    sizes = image_counts(batch)
    pace = QUICK if quick else Pace(rounds=rounds)
    order = _order(threads, "table", layout, match, "torch", pace)
    cases = training(order.cases, sizes)
    order, console = replace(order, cases=cases, batches=tuple(map(str, sizes))), open_console()
    found = _carried_out(order)
    _print(found, console, json_to)
    end(found, console)


@app.command()
def accuracy(
    match: Match = "",
    peers: Peers = None,
    batch: Batch = "table",
    layout: Layouts = "nchw",
    precision: Precision = FAST,
    draws: Annotated[int, typer.Option(min=1, help="Of random numbers; the worst counts.")] = 3,
    json_to: Json = None,
) -> None:
    """Print the errors against float64 alone: largest error over the output's root mean square."""
    order = _order("1", batch, layout, match, peers, None)
    order = replace(order, precision=checked("--precision", precision), draws=draws)
    found, console = _carried_out(order), open_console()
    for title, lines in groups(found):
        console.print(error_table(title, lines), "")
    if json_to is not None:
        write_whole(json_to, found.to_json())
    end(found, console)


@app.command()
def steady(threads: Threads = "1,2", peers: Peers = "torch", quick: Quick = False) -> None:
    """Print what a byte of output costs in batches of some 12, 48 and 192 MiB of output."""
    _sweeps(sweep.batches(), sweep.batch_table, threads, peers, quick)


@app.command()
def sizes(threads: Threads = "1,2", peers: Peers = "torch", quick: Quick = False) -> None:
    """Print what a pixel costs from 256² to 4096²."""
    _sweeps(sweep.sides(), sweep.side_table, threads, peers, quick)


@app.command("first-call")
def first_calls() -> None:
    """Print each operator's first call in a fresh process, without cache and with."""
    calls = []
    with progress(len(first_call.CALLS)) as step:
        for operator in first_call.CALLS:
            step(operator)
            calls.append(first_call.first_call(operator))
    open_console().print(first_call.first_call_table(calls))


@app.command("calls")
def calls(rounds: Rounds = Pace.rounds, quick: Quick = False) -> None:
    """Print what calls on 5x5 numbers cost, beside PyTorch's."""
    from benchmarks import calls  # which needs PyTorch

    found = calls.small_calls(QUICK if quick else Pace(rounds=rounds))
    open_console().print(calls.small_call_table(found))


app.command("networks")(network_commands.networks)
app.command("training")(network_commands.training)
app.command("report")(report)


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
    threads: str,
    batch: str,
    layout: str,
    match: str,
    peers: str | None,
    pace: Pace | None,
    table: str = "usual",
) -> Order:
    tables = {"usual": TABLES, "networks": (NETWORKS,)}
    if table not in tables:
        raise ArgumentError("--table", table, f"one of {', '.join(tables)}")
    batches = {"1": ("1",), "table": ("table",), "both": ("1", "table")}
    if batch not in batches:
        raise ArgumentError("--batch", batch, f"one of {', '.join(batches)}")
    layouts: dict[str, tuple[Layout, ...]] = {"nchw": ("nchw",), "nhwc": ("nhwc",), "both": LAYOUTS}
    if layout not in layouts:
        raise ArgumentError("--layout", layout, f"one of {', '.join(layouts)}")
    cases = select(all_cases(tables[table]), batch=batch, match=match)
    if not cases:
        raise ArgumentError("--match", match, "part of a layer's net, name, operation or class")
    counts, names = thread_counts(threads), tuple(chosen(peers))
    return Order(cases, batches[batch], layouts[layout], counts, names, pace)


def _sweeps(
    layers: list[list[Case]],
    table: Callable[[Sequence[sweep.Sweep], int], Table],
    threads: str,
    peers: str | None,
    quick: bool,
) -> None:
    counts, names = thread_counts(threads), chosen(peers)
    for count in counts:
        swept = []
        with progress(len(layers)) as step:
            for cases in layers:
                step(f"{cases[0].name}, {counted(count)}")
                swept.append(sweep.sweep(cases, count, names, QUICK if quick else Pace()))
        open_console().print(table(swept, count), "")


def _print(found: Report, console: Console, json_to: Path | None) -> None:
    console.print(heading(found.machine, found.limits), "")
    for title, lines in groups(found):
        console.print(line_table(title, lines), "")
    for setting in found.order.settings:
        console.print(mean_table(setting, found.means), "")
    if json_to is not None:
        write_whole(json_to, found.to_json())


def _carried_out(order: Order) -> Report:
    with progress(len(order) + len(order.threads)) as step:
        return run(order, step)


def main() -> None:
    """Run the command; a mistake in what was asked for is one line and exit status 2."""
    try:
        app(prog_name="python -m benchmarks")
    except ConvpoolError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
