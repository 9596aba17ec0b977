"""`convpool summary`: what a net of the user's own is made of, without running it."""

from typing import Annotated

import typer

from convpool.notation import parse_shape, shape_text


def summary(
    net: Annotated[
        str, typer.Argument(metavar="FILE.py:NAME", help="A net in a Python file: class, function")
    ],
    size: Annotated[
        str, typer.Option("--input", metavar="SIZE", help="NxCxHxW, such as 1x3x32x32.")
    ],
) -> None:
    """Print a net's modules with output shapes, parameters and MACs, without running it."""
    shape = parse_shape("--input", size)  # before torch, which takes longer than finding a slip

    from rich.console import Console
    from rich.table import Table

    from convpool.nn.loading import load_net
    from convpool.nn.summary import summarize

    rows = summarize(load_net(net), shape)
    table = Table(show_footer=True)
    table.add_column("module", "total", overflow="fold")
    table.add_column("output", justify="right")
    table.add_column("parameters", f"{rows[0].parameters:,}", justify="right")
    table.add_column("MACs", f"{rows[0].macs:,}", justify="right")
    for row in rows:
        label = row.name.rpartition(".")[2]
        table.add_row(
            "  " * row.depth + (f"({label}) " if label else "") + row.layer,
            "" if row.output_shape is None else shape_text(row.output_shape),
            f"{row.parameters:,}",
            f"{row.macs:,}",
        )
    Console(highlight=False).print(table, markup=False)
