"""Reports in the terminal."""

from collections.abc import Iterable, Sequence

from rich.table import Table

from benchmarks.cases import Case
from benchmarks.means import KINDS, Mean, Setting
from benchmarks.run import Report
from convpool.bench.contestants import OURS
from convpool.bench.machine import counted
from convpool.bench.measure import Line


def groups(report: Report) -> list[tuple[str, list[Line[Case]]]]:
    """Return the lines of each thread count and layout, with a title."""
    found: dict[str, list[Line[Case]]] = {}
    for line in report.lines:
        found.setdefault(f"{counted(line.threads)}, {line.layout.upper()}", []).append(line)
    return list(found.items())


def line_table(title: str, lines: Sequence[Line[Case]]) -> Table:
    """Return the table of lines: times, our rate and its part of the limit, ratios, errors."""
    peers, ours = _columns(lines)
    table = Table(title=title, title_justify="left", pad_edge=False, box=None)
    table.add_column("layer", no_wrap=True)
    table.add_column("class", no_wrap=True)
    for name in ("n", *(f"{name} µs" for name in peers + ours), "rate", "of limit"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in (*(f"{name} ÷" for name in peers), "error", "torch's"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(*_cells(line, peers, ours))
    return table


def _columns(lines: Iterable[Line[Case]]) -> tuple[list[str], list[str]]:
    names = list(dict.fromkeys(name for line in lines for name in line.errors))
    return [name for name in names if name not in OURS], [name for name in OURS if name in names]


def _cells(line: Line[Case], peers: list[str], ours: list[str]) -> list[str]:
    start = [line.case.name, line.case.kind, str(line.case.n)]
    mine = max((line.errors[name] for name in ours if name in line.errors), default=None)
    end = [_error(mine), _error(line.errors.get("torch"))]
    if line.wrong:
        times = ["WRONG" if name in line.wrong else "" for name in peers + ours]
        return [*start, *times, "", "", *("" for _ in peers), *end]
    times = [_microseconds(line.seconds.get(name)) for name in peers + ours]
    best = line.best_of_ours
    unit = "GF/s" if line.case.is_convolution else "GB/s"
    rate = "" if best is None else f"{line.rate(best) / 1e9:.1f} {unit}"
    part = "" if best is None else f"{line.fraction(best):.0%}"
    return [*start, *times, rate, part, *(_ratios(line, peer, ours) for peer in peers), *end]


def _ratios(line: Line[Case], peer: str, ours: list[str]) -> str:
    ratios = [line.ratio(peer, name) for name in ours]
    return "  ".join(f"{ratio:.2f}" for ratio in ratios if ratio is not None)


def _microseconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    micro = seconds * 1e6
    return f"{micro:,.0f}" if micro >= 100 else f"{micro:.1f}"


def _error(error: float | None) -> str:
    return "" if error is None else f"{error:.1e}"


def error_table(title: str, lines: Sequence[Line[Case]]) -> Table:
    """Return the errors of each contestant, and our largest over torch's."""
    peers, ours = _columns(lines)
    table = Table(title=title, title_justify="left", pad_edge=False, box=None)
    table.add_column("layer", no_wrap=True)
    table.add_column("class", no_wrap=True)
    for name in ("n", *peers, *ours, "÷ torch"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        cells = [
            "WRONG" if name in line.wrong else _error(line.errors.get(name))
            for name in peers + ours
        ]
        mine = max(line.errors[name] for name in ours if name in line.errors)
        torch = line.errors.get("torch")
        part = f"{mine / torch:.2f}" if torch else ""
        table.add_row(line.case.name, line.case.kind, str(line.case.n), *cells, part)
    return table


def mean_table(setting: Setting, means: Sequence[Mean]) -> Table:
    """Return a setting's geometric means by class, and the least ratio to each peer."""
    inside = [mean for mean in means if mean.setting == setting]
    pairs = list(dict.fromkeys((mean.peer, mean.ours) for mean in inside))
    table = Table(
        title=f"time ÷ ours, geometric means: {setting}",
        title_justify="left",
        pad_edge=False,
        box=None,
    )
    table.add_column("class", no_wrap=True)
    table.add_column("layers", justify="right")
    for peer, ours in pairs:
        table.add_column(f"{peer} ÷ {ours}", justify="right")
    table.add_column("least against torch", no_wrap=True)
    for kind in KINDS:
        of_kind = {(mean.peer, mean.ours): mean for mean in inside if mean.kind == kind}
        if not of_kind:
            continue
        cells = [f"{of_kind[pair].ratio:.2f}" if pair in of_kind else "" for pair in pairs]
        least = min(
            (mean for mean in of_kind.values() if mean.peer == "torch"),
            key=lambda mean: mean.least,
            default=None,
        )
        worst = "" if least is None else f"{least.least:.2f} {least.ours}, {least.least_layer}"
        layers = max(mean.layers for mean in of_kind.values())
        table.add_row(kind, str(layers), *cells, worst)
    return table
