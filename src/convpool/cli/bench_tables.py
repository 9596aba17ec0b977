"""How a survey of layers is written in the terminal."""

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from convpool.bench.cases import Case
from convpool.bench.measure import Line
from convpool.bench.survey import Survey, speedup, way
from convpool.notation import shape_text


def bench_table(survey: Survey) -> Table:
    """Return the table of a survey: two lines a layer, so that it fits into a terminal."""
    compared = any("torch" in line.errors for line in survey.lines)
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer, input, way", overflow="fold")
    names = ["functions\nµs", "bound\nµs", *(["torch\nµs", "torch\n÷ ours"] if compared else [])]
    for name in (*names, "rate", "of\nlimit"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in survey.lines:
        table.add_row(*_cells(line, compared=compared))
    return table


def _cells(line: Line[Case], *, compared: bool) -> list[Text | str]:
    case, names = line.case, ["functions", "bound", *(["torch"] if compared else [])]
    ratio, best = speedup(line), line.best_of_ours
    unit = "GF/s" if case.is_convolution else "GB/s"
    often = f", {case.count} times" if case.count > 1 else ""
    below = f"\n  {shape_text(case.shape)}{often}: {way(case)}"
    return [
        Text.assemble(case.name, (below, "dim")),
        *(_time(line, name) for name in names),
        *(["" if ratio is None else f"{ratio:.2f}"] if compared else []),
        "" if best is None else f"{line.rate(best) / 1e9:.1f} {unit}",
        "" if best is None else f"{line.fraction(best):.0%}",
    ]


def _time(line: Line[Case], name: str) -> str:
    if name in line.wrong:
        return "WRONG"
    return microseconds(line.seconds[name]) if name in line.seconds else ""


def microseconds(seconds: float) -> str:
    """Write a time in microseconds.

    Example:
        >>> microseconds(0.0012345), microseconds(2.34e-6)
        ('1,234', '2.3')
    """
    micro = seconds * 1e6
    return f"{micro:,.0f}" if micro >= 100 else f"{micro:.1f}"


def total_line(survey: Survey) -> str:
    """Say how long all layers of a net or a chain take together, as often as it has them."""
    calls = sum(line.case.count for line in survey.lines)
    if not survey.order.is_whole or not survey.is_complete or survey.wrong:
        return ""
    totals = survey.totals
    text = f"{calls} layers together: convpool {milliseconds(totals['ours'])}"
    if "torch" not in totals:
        return text
    ratio = totals["torch"] / totals["ours"]
    return f"{text}, torch {milliseconds(totals['torch'])} ({ratio:.2f}x)"


def net_line(survey: Survey) -> str:
    """Say how long the whole net takes, if there is one and it was right."""
    net = survey.net
    if net is None or net.ratio is None:
        return ""
    alone, ours = (milliseconds(net.seconds[name]) for name in ("torch", "accelerated"))
    return f"the whole net: accelerated {ours}, torch alone {alone} ({net.ratio:.2f}x)"


def milliseconds(seconds: float) -> str:
    """Write a time in milliseconds.

    Example:
        >>> milliseconds(0.0012345)
        '1.23 ms'
    """
    return f"{seconds * 1e3:,.2f} ms"
