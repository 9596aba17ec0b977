"""`convpool summary`: what a net of the user's own is made of, without running it."""

from pathlib import Path
from typing import Annotated

import typer

from convpool.notation import parse_shape


def summary(
    net: Annotated[
        str, typer.Argument(metavar="FILE.py:NAME", help="A net in a Python file: class, function")
    ],
    size: Annotated[
        str, typer.Option("--input", metavar="SIZE", help="NxCxHxW, such as 1x3x32x32.")
    ],
    weights: Annotated[
        Path | None, typer.Option(help="A state_dict, as torch.save writes it, to be checked too.")
    ] = None,
) -> None:
    """Print a net's modules: output shapes, parameters, MACs, receptive fields. Runs nothing."""
    shape = parse_shape("--input", size)  # before torch, which takes longer than finding a slip

    from rich.console import Console

    from convpool.cli.tables import net_table
    from convpool.nn.loading import load_net
    from convpool.nn.summary import summarize

    report = summarize(load_net(net, weights), shape)
    Console(highlight=False).print(net_table(report))
