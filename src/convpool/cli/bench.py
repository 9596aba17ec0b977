"""`convpool bench`: is it faster here, on these layers?"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convpool.cli.nets import net_file
from convpool.errors import ArgumentError
from convpool.files import check_writable
from convpool.notation import input_shape, parse_net, parse_shape
from convpool.threads import MOST, get_num_threads

if TYPE_CHECKING:
    from convpool.bench.cases import Layout
    from convpool.bench.race import Pace
    from convpool.bench.survey import Order, Survey
    from convpool.spec import LayerSpec

_FAILED = 1


@dataclass(frozen=True)
class _Wanted:
    """What the command was asked for, as far as it can be checked without heavy imports."""

    file: str
    """FILE.py:NAME, or no text."""
    layers: "tuple[LayerSpec, ...]"
    """Neither this nor a file: the standard layers."""
    shape: tuple[int, ...]
    """(N, C, H, W); of the standard layers N alone counts."""
    layout: "Layout"
    threads: int


def bench(
    net: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="LAYER",
            help="Layers in order, some standard ones if none; "
            "or FILE.py:NAME, a torch.nn.Module, its class, or a function that makes it.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--input", metavar="SIZE", help="HxW, CxHxW or NxCxHxW, as 1x3x224x224."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads to use. [default: all, or OMP_NUM_THREADS]")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Images in the input, where SIZE has no N. [default: 1]")
    ] = None,
    layout: Annotated[str, typer.Option(help="nchw, or nhwc (channels-last memory).")] = "nchw",
    quick: Annotated[bool, typer.Option("--quick", help="One short round, to try.")] = False,
    json_to: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything here.")
    ] = None,
    picture_to: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Draw it: .svg or .png.")
    ] = None,
) -> None:
    """Time layers, or those of a net, beside PyTorch and the limits of this machine."""
    wanted = _wanted(net or [], size, threads, batch, layout)
    if json_to is not None:
        check_writable(json_to, "--json")
    if picture_to is not None:
        from convpool.bench.figure import check_picture

        check_picture("--picture", picture_to)

    from convpool.bench.race import QUICK, Pace
    from convpool.bench.survey import carry_out
    from convpool.cli.progress import progress

    order = _order(wanted, QUICK if quick else Pace())
    with progress(len(order), live=False) as step:
        survey = carry_out(order, step)
    _print(survey)
    if not survey.is_complete:
        raise KeyboardInterrupt
    _write(survey, json_to, picture_to)
    if survey.wrong:
        raise typer.Exit(_FAILED)


def _wanted(
    net: list[str], size: str | None, threads: int | None, batch: int | None, layout: str
) -> _Wanted:
    """Return what is wanted, or raise what is wrong with it."""
    count = get_num_threads() if threads is None else threads
    if not 1 <= count <= MOST:
        raise ArgumentError("--threads", threads, f"a whole number from 1 to {MOST}")
    if batch is not None and batch < 1:
        raise ArgumentError("--batch", batch, "a whole number of at least 1")
    layouts: dict[str, Layout] = {"nchw": "nchw", "nhwc": "nhwc"}
    if layout not in layouts:
        raise ArgumentError("--layout", layout, "nchw or nhwc")
    file = net_file(net)
    layers = () if file else parse_net(net)
    if not net:
        if size is not None:
            raise ArgumentError("--input", size, "left out where no layer or net is given")
        return _Wanted("", (), (batch or 1,), layouts[layout], count)
    if size is None:
        raise ArgumentError("--input", None, "given: HxW, CxHxW or NxCxHxW, such as 1x3x224x224")
    shape = parse_shape("--input", size) if file else input_shape("--input", size, layers[0])
    if len(shape) == 4 and batch not in (None, shape[0]):
        raise ArgumentError("--batch", batch, f"left out, since --input {size} says how many")
    if len(shape) == 2:
        raise ArgumentError("--input", size, "CxHxW or NxCxHxW for a net, such as 1x3x224x224")
    return _Wanted(file, layers, (batch or 1, *shape)[-4:], layouts[layout], count)


def _order(wanted: _Wanted, pace: "Pace") -> "Order":
    from convpool.bench.chosen import chain_cases, standard_cases
    from convpool.bench.survey import Order

    settings: dict[str, Any] = {
        "layout": wanted.layout,
        "threads": wanted.threads,
        "pace": pace,
    }
    if not wanted.file:
        if wanted.layers:
            cases = chain_cases(wanted.layers, wanted.shape)
        else:
            cases = standard_cases(wanted.shape[0])
        name = "this layer" if len(cases) == 1 else f"these {len(cases)} layers"
        return Order(name, cases, **settings, is_whole=len(wanted.layers) > 1)

    from convpool.bench.contestants import has_torch

    if not has_torch():
        layers = "layers, since torch is missing: pip install 'convpool[torch]'"
        raise ArgumentError("LAYER", wanted.file, layers)

    from convpool.bench.models import net_cases, race_net
    from convpool.nn.loading import load_net

    net = load_net(wanted.file, seed=0).eval()
    whole = partial(race_net, net, wanted.shape, wanted.layout, wanted.threads, pace)
    return Order(wanted.file, net_cases(net, wanted.shape), **settings, net=whole, is_whole=True)


def _print(survey: "Survey") -> None:
    from rich.console import Console

    from convpool.bench.contestants import has_torch
    from convpool.bench.machine import heading
    from convpool.bench.words import words
    from convpool.cli.bench_tables import bench_table, net_line, total_line
    from convpool.cli.progress import WIDE

    console = Console(highlight=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:
        console = Console(highlight=False, markup=False, width=WIDE)
    limits = {survey.order.threads: survey.limits} if survey.limits else {}
    console.print(heading(survey.machine, limits), soft_wrap=True)
    if survey.lines:
        console.print(bench_table(survey))
    for where in survey.wrong:
        console.print(f"WRONG: {where}", soft_wrap=True)
    if not has_torch():
        console.print("torch isn't installed, so nothing stands beside convpool's times.")
    for text in (total_line(survey), net_line(survey), words(survey)):
        if text:
            console.print(text, soft_wrap=True)


def _write(survey: "Survey", json_to: Path | None, picture_to: Path | None) -> None:
    """Write the files, whole."""
    if json_to is not None:
        from convpool.files import write_whole

        write_whole(json_to, survey.to_json())
    if picture_to is not None:
        from convpool.bench.picture import draw

        draw(survey, picture_to)
