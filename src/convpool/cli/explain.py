"""`convpool explain`: what layers will do, each formula with the numbers put in."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from convpool.notation import input_shape, parse_net, shape_text

if TYPE_CHECKING:
    from convpool.arithmetic import ChainReport, LayerReport, ReceptiveField


def explain(
    layers: Annotated[
        list[str], typer.Argument(metavar="LAYER...", help="Layers in order, as in PyTorch.")
    ],
    size: Annotated[
        str,
        typer.Option("--input", metavar="SIZE", help="HxW, CxHxW or NxCxHxW, such as 3x224x224."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Explain layers: output sizes, parameters, MACs, memory and receptive field."""
    from convpool.arithmetic import chain_report

    net = parse_net(layers)
    report = chain_report(net, input_shape("--input", size, net[0]))
    if as_json:
        import json

        from convpool.arithmetic import chain_record

        typer.echo(json.dumps(chain_record(report), indent=2))
        return
    _print_report(report)


def _print_report(report: "ChainReport") -> None:
    from rich.console import Console

    from convpool.arithmetic import ReceptiveField
    from convpool.cli.tables import chain_table

    console = Console(highlight=False)
    console.print(f"[bold]input[/] {shape_text(report.input_shape)}")
    field = ReceptiveField()
    for number, layer in enumerate(report.layers, start=1):
        console.print()
        title = f"[bold]{number}[/] [bold cyan]{layer.layer}[/]"
        console.print(title, soft_wrap=True)
        for name, lines in _sections(layer, field):
            for label, line in zip([name, *[""] * len(lines)], lines, strict=False):
                console.print(f"  [dim]{label:<18}[/]{line}", soft_wrap=True)
        field = layer.field
    console.print()
    console.print(chain_table(report))


def _sections(layer: "LayerReport", before: "ReceptiveField") -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the lines of each number of a layer."""
    from convpool.arithmetic import Window, macs_formula, parameters_formula
    from convpool.cli.text import bytes_text

    yield from _size_sections(layer)
    yield "output", [shape_text(layer.output_shape)]
    yield "parameters", [parameters_formula(layer.layer)]
    macs = [macs_formula(layer)]
    if layer.effective_macs != layer.macs:
        real = "don't touch padding" if isinstance(layer.axes[0], Window) else "aren't cropped"
        macs.append(f"{layer.effective_macs:,} of them {real}")
    yield "MACs", macs
    memory = layer.memory
    yield (
        "memory (float32)",
        [
            f"input {bytes_text(memory.input)} + output {bytes_text(memory.output)} + "
            f"parameters {bytes_text(memory.parameters)} = {bytes_text(memory.total)}"
        ],
    )
    yield from _field_sections(layer, before)


def _size_sections(layer: "LayerReport") -> Iterator[tuple[str, list[str]]]:
    if layer.pooled_by is not None:
        yield "size", [f"that of the input of layer {layer.pooled_by + 1}, which it undoes"]
        return
    (height_rule, width_rule), (height, width) = layer.rules, layer.formulas
    if height == width:
        yield "height and width", [height_rule, f"= {height}"]
    else:
        yield "height", [height_rule, f"= {height}"]
        yield "width", [width_rule, f"= {width}"]


def _field_sections(
    layer: "LayerReport", before: "ReceptiveField"
) -> Iterator[tuple[str, list[str]]]:
    from convpool.arithmetic import field_formulas
    from convpool.cli.text import axes_text

    vertical = field_formulas(before.vertical, layer.axes[0])
    horizontal = field_formulas(before.horizontal, layer.axes[1])
    names = ("size", "jump", "start")
    if vertical == horizontal:
        lines = [f"{name:<6}{text}" for name, text in zip(names, vertical, strict=True)]
    else:
        both = zip(names, vertical, horizontal, strict=True)
        lines = [f"{name:<6}{down}  |  {across}" for name, down, across in both]
    field = layer.field
    summary = (
        f"sees {shape_text(field.size)} pixels, moves by {axes_text(field.jump)}, "
        f"first centre at {axes_text(field.start)}"
    )
    yield "receptive field", [*lines, summary]
