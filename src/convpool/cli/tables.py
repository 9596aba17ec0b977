"""How chains are written in the terminal."""

from rich.markup import escape
from rich.table import Table

from convpool.arithmetic import ChainReport, NetReport
from convpool.notation import shape_text


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


def net_table(report: NetReport) -> Table:
    """Return the table of a net of modules: one row a call, then the totals."""
    table = Table(show_footer=True)
    table.add_column("module", "total", overflow="fold")
    table.add_column("output", justify="right")
    table.add_column("parameters", f"{report.parameters:,}", justify="right")
    table.add_column("MACs", f"{report.macs:,}", justify="right")
    if report.has_fields:
        table.add_column("sees", justify="right")
    for call in report.calls:
        label = call.name.rpartition(".")[2]
        field = "" if call.field is None else shape_text(call.field.size)
        table.add_row(
            escape("  " * call.depth + (f"({label}) " if label else "") + call.layer),
            "" if call.output_shape is None else shape_text(call.output_shape),
            f"{call.parameters:,}",
            f"{call.macs:,}",
            *([field] if report.has_fields else []),
        )
    return table
