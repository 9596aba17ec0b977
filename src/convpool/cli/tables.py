"""How numbers, shapes and chains are written in the terminal."""

from collections.abc import Sequence
from fractions import Fraction

from rich.table import Table

from convpool.arithmetic import ChainReport
from convpool.notation import shape_text


def axes_text(values: Sequence[int | Fraction]) -> str:
    """Write one number where both axes agree, otherwise vertical×horizontal.

    Example:
        >>> axes_text((4, 4)), axes_text((Fraction(1, 2), 2))
        ('4', '1/2×2')
    """
    vertical, horizontal = values
    return str(vertical) if vertical == horizontal else f"{vertical}×{horizontal}"


def bytes_text(count: int) -> str:
    """Write a number of bytes in binary units.

    Example:
        >>> bytes_text(37632), bytes_text(12)
        ('36.8 KiB', '12 B')
    """
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{count} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def chain_table(report: ChainReport) -> Table:
    """Return the table of a chain: one row a layer, then the totals."""
    table = Table(caption=None, title_justify="left", show_footer=len(report.layers) > 1)
    total = report.layers[-1]
    table.add_column("", justify="right")
    table.add_column("layer", "total", overflow="fold")
    table.add_column("output", shape_text(total.output_shape), justify="right")
    table.add_column("parameters", f"{report.parameters:,}", justify="right")
    table.add_column("MACs", f"{report.macs:,}", justify="right")
    table.add_column("sees", shape_text(total.field.size), justify="right")
    table.add_row("", "input", shape_text(report.input_shape), "", "", "1×1", style="dim")
    for number, layer in enumerate(report.layers, start=1):
        table.add_row(
            str(number),
            str(layer.layer),
            shape_text(layer.output_shape),
            f"{layer.parameters:,}",
            f"{layer.macs:,}",
            shape_text(layer.field.size),
        )
    return table
