"""`convpool run`: images through layers, to be looked at in TensorBoard and as contact sheets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from convpool.cli.nets import net_file
from convpool.errors import ArgumentError
from convpool.notation import parse_net, parse_shape, shape_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from torch.nn import Module

    from convpool.runs import RunSummary


def run(
    net: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LAYER",
            help="Layers in order, edge filters and max pooling if none; "
            "or FILE.py:NAME, a torch.nn.Module, its class, or a function that makes it.",
        ),
    ] = None,
    data: Annotated[
        str, typer.Option(help="sample, cifar10, or a folder of images, an image, .npy or .npz.")
    ] = "sample",
    data_dir: Annotated[
        Path | None, typer.Option(help="Where CIFAR-10 lies. [default: data]")
    ] = None,
    split: Annotated[str, typer.Option(help="CIFAR-10's part: test or train.")] = "test",
    download: Annotated[
        bool, typer.Option("--download", help="Fetch CIFAR-10 into the data folder if missing.")
    ] = False,
    size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="Resize and crop image files to this size."),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Images a step.")] = 64,
    limit: Annotated[int | None, typer.Option(help="Images at most. [default: all]")] = None,
    logdir: Annotated[
        Path | None,
        typer.Option(help="New or empty folder for the results. [default: next free runs/NNN]"),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="edges, random, or a .npz file with 0.weight, 0.bias, ...; "
            "for FILE.py:NAME, a state_dict. [default: edges, or as the net comes]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="For random weights, a net's own included.")] = 0,
    every_layer: Annotated[
        bool, typer.Option("--every-layer", help="Show the layers in between as well.")
    ] = False,
    animate: Annotated[
        bool, typer.Option("--animate", help="Show the first layer step by step on a crop.")
    ] = False,
) -> None:
    """Run images through a net; write TensorBoard events, contact sheets and a summary."""
    file = net_file(net or [])
    # Before the imports, which take longer than finding a slip.
    layers = None if file else parse_net(net or [])

    from rich.console import Console

    from convpool import runs
    from convpool.arithmetic import ChainReport
    from convpool.cli.tables import chain_table, net_table
    from convpool.images import open_source

    console = Console(highlight=False)
    pixels = None if size is None else _size(size)
    if download:
        _download(data, data_dir, console)
    source = open_source(data, data_dir=data_dir, split=_split(split), size=pixels)
    given: Any = layers if layers is not None else _load(file, weights, seed)
    report = runs.plan_run(given, source)
    table = chain_table(report) if isinstance(report, ChainReport) else net_table(report)
    bar = _RunBar(console, source.name, table)
    with bar:
        summary = runs.run(
            given,
            source,
            logdir=logdir,
            batch_size=batch_size,
            limit=limit,
            weights=None if file else weights,
            seed=seed,
            every_layer=every_layer,
            animate=animate,
            progress=bar.step,
        )
    _print_summary(console, summary)
    if not summary.complete:
        raise KeyboardInterrupt


def _load(file: str, weights: str | None, seed: int) -> "Module":
    from convpool.nn.loading import load_net
    from convpool.nn.swapping import accelerate

    net = load_net(file, weights, seed=seed)
    accelerate(net)
    return net


def _size(text: str) -> tuple[int, int]:
    shape = parse_shape("--size", text)
    if len(shape) != 2:
        raise ArgumentError("--size", text, "HxW, such as 224x224")
    return shape[0], shape[1]


def _split(text: str) -> Literal["test", "train"]:
    if text not in ("test", "train"):
        raise ArgumentError("--split", text, "test or train")
    return "test" if text == "test" else "train"


def _download(data: str, data_dir: Path | None, console: "Console") -> None:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    from convpool.images import DEFAULT_DATA_DIR, fetch_archive

    if data != "cifar10":
        raise ArgumentError("--download", data, "used with --data cifar10, all that it can fetch")
    bar = Progress(
        TextColumn("downloading CIFAR-10"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with bar:
        task = bar.add_task("download", total=None)
        fetch_archive(
            data_dir or DEFAULT_DATA_DIR,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )


class _RunBar:
    """The table of the net, then a bar with images/s and the time left, once the work has begun.

    Until then nothing is shown, so that a wrong argument is answered by its error alone.
    """

    def __init__(self, console: "Console", name: str, table: "Table") -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._console, self._table = console, table
        self._bar = Progress(
            TextColumn(name),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]} images/s"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("run", total=None, rate="…")

    def __enter__(self) -> "_RunBar":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar.live.is_started:  # stopping one that never started prints an empty line
            self._bar.stop()

    def step(self, done: int, total: int) -> None:
        """Show how far the work is."""
        if done == 0:
            self._console.print(self._table)
            self._bar.start()
            self._bar.update(self._task, total=total)
            return
        rate = done / (self._bar.tasks[0].elapsed or 1e-9)
        self._bar.update(self._task, completed=done, rate=f"{rate:,.0f}")


def _print_summary(console: "Console", summary: "RunSummary") -> None:
    report = summary.report
    made = "?" if report.output_shape is None else shape_text(report.output_shape)
    console.print(
        f"{summary.images:,} images in {summary.batches} "
        f"{'step' if summary.batches == 1 else 'steps'}, {summary.seconds:.1f} s "
        f"({summary.images / summary.seconds:,.0f} images/s): "
        f"{shape_text(report.input_shape)} -> {made}"
    )
    files = ", ".join(summary.files)
    console.print(f"[bold]{summary.logdir}[/] holds the events, {files}", soft_wrap=True)
    # TensorBoard keeps ten pictures a tag unless it is told how many; it takes 0 for none.
    steps = summary.batches
    everything = f" --samples_per_plugin images={steps}" if steps > 10 else ""
    console.print(
        f"Look at them with: [bold]tensorboard --logdir {summary.logdir}{everything}[/]",
        soft_wrap=True,
    )
