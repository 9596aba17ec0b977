"""What the marks of the page stand for: each a function from figures to Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import geometric_mean

from benchmarks.cases import TABLES, Case
from benchmarks.means import ALL, KINDS
from benchmarks.report.markdown import error, folded, ratio, table
from benchmarks.report.reasons import Key, key_of
from benchmarks.report.runs import Figures, best_peer, lead
from convpool.bench.cases import LAYOUTS, Layout
from convpool.bench.contestants import OURS
from convpool.bench.figure import TITLES
from convpool.bench.machine import counted, limits_text, vectors
from convpool.bench.measure import Line
from convpool.bench.survey import ours
from convpool.cli.bench_tables import microseconds
from convpool.precisions import FAST, STRICT

BEHIND = 0.95
"""The best peer's time over ours below which it leads."""
NOTHING = "The runs at hand didn't measure this."


def machine(figures: Figures) -> str:
    """Return what the figures belong to."""
    it, pace = figures.machine, figures.pace
    versions = ", ".join(f"{name} {version}" for name, version in it.versions.items())
    limits = [
        f"- {counted(count)}: {limits_text(figures.limits[count])}"
        for count in figures.threads
        if count in figures.limits
    ]
    return "\n".join(
        [
            f"- {it.cpu}, {it.cpus} CPUs; the kernels use {vectors(it)}",
            f"- {it.system}, Python {it.python}",
            f"- {versions}",
            *limits,
            f"- load before the run {it.load:.2f}; rounds {pace['rounds']}, in each of them "
            f"{pace['blocks']} blocks of {1000 * pace['seconds']:.0f} ms, of which the best counts",
        ]
    )


def settings(lines: Iterable[Line[Case]], batch: int | None = None) -> dict[str, list[Line[Case]]]:
    """Return the lines of a batch, or of the tables' batches, by threads and layout in words."""
    lines = [line for line in lines if line.case.n == (batch or line.case.table_n)]
    found: dict[str, list[Line[Case]]] = {}
    for layout in LAYOUTS:
        for count in sorted({line.threads for line in lines}):
            chosen = [line for line in lines if (line.layout, line.threads) == (layout, count)]
            if chosen:
                found[f"{counted(count)}, {_layout(layout)}"] = chosen
    return found


def _layout(layout: Layout) -> str:
    return "channels-last" if layout == "nhwc" else "NCHW"


def of_kind(lines: Iterable[Line[Case]], kind: str) -> list[Line[Case]]:
    """Return the lines of a class; all convolutions are those of whole networks."""
    if kind == ALL:
        convolutions = (line for line in lines if line.case.is_convolution)
        return [line for line in convolutions if line.case.table != TABLES[1]]
    return [line for line in lines if line.case.kind == kind]


def mean_of(values: Iterable[float | None]) -> float | None:
    """Return the geometric mean of the numbers that are there, if there are any."""
    known = [value for value in values if value is not None]
    return geometric_mean(known) if known else None


def means(figures: Figures) -> str:
    """Return the geometric means by class, for each number of threads; those of batch 1 folded."""
    shown = _mean_tables(settings(figures.timed))
    if all(line.case.n == line.case.table_n for line in figures.timed):
        return shown
    single = _mean_tables(settings(figures.timed, batch=1))
    return f"{shown}\n\n{folded('All layers with one image', single)}"


def _mean_tables(found: Mapping[str, Sequence[Line[Case]]]) -> str:
    return "\n\n".join(f"**{title}**\n\n{_mean_table(lines)}" for title, lines in found.items())


def _mean_table(lines: Sequence[Line[Case]]) -> str:
    peers = [name for name in TITLES if any(name in line.seconds for line in lines)]
    header = [
        "class",
        "layers",
        *(f"{TITLES[peer]} ÷ ours" for peer in peers),
        "best peer ÷ ours",
        "least",
        "PyTorch ÷ functions",
    ]
    rows = []
    for kind in KINDS:
        chosen = [line for line in of_kind(lines, kind) if line.seconds]
        if not chosen:
            continue
        leads = {line.case.name: value for line in chosen if (value := lead(line)) is not None}
        least = min(leads, key=leads.__getitem__, default=None)
        rows.append(
            [
                f"**{kind}**" if kind == ALL else kind,
                str(len(chosen)),
                *(ratio(mean_of(lead(line, peer) for line in chosen)) for peer in peers),
                ratio(mean_of(leads.values())),
                "" if least is None else f"{leads[least]:.2f} {least}",
                ratio(mean_of(lead(line, "torch", "functions") for line in chosen)),
            ]
        )
    return table(header, rows)


def further(figures: Figures) -> str:
    """Return the means over the layers of further networks."""
    return _mean_tables(settings(figures.further)) or NOTHING


def leading(timed: Iterable[Line[Case]]) -> list[Line[Case]]:
    """Return the lines in which a peer leads, the farthest first."""
    found = [(value, line) for line in timed if (value := lead(line)) is not None]
    return [line for value, line in sorted(found, key=lambda pair: pair[0]) if value < BEHIND]


def behind(timed: Sequence[Line[Case]], reasons: Mapping[Key, str]) -> str:
    """Return where a peer leads, and why if that is known."""
    lines = leading(timed)
    total = sum(best_peer(line) is not None for line in timed)
    if not lines:
        return f"On none of {total} lines."
    by_key: dict[Key, list[Line[Case]]] = {}
    for line in lines:
        by_key.setdefault(key_of(line.case), []).append(line)
    rows = [
        [
            of_one[0].case.name,
            of_one[0].case.kind,
            reasons.get(key) or "not known yet",
            "; ".join(map(_where, of_one)),
        ]
        for key, of_one in by_key.items()
    ]
    header = ["layer", "class", "reason", "best peer ÷ ours, and where"]
    said = f"On {len(lines)} of {total} lines, {len(by_key)} layers:"
    return f"{said}\n\n{table(header, rows, texts=4)}"


def _where(line: Line[Case]) -> str:
    peer = best_peer(line)
    name = "" if peer is None else TITLES.get(peer, peer)
    place = f"{counted(line.threads)}, batch {line.case.n}, {_layout(line.layout)}"
    return f"{ratio(lead(line))} {name} ({place})"


def strict(figures: Figures) -> str:
    """Return the means of the precision "strict" beside PyTorch, if it was timed."""
    found = settings(line for line in figures.layers[STRICT] if line.seconds)
    if not found:
        return NOTHING
    rows = []
    for title, lines in found.items():
        for kind in KINDS:
            if chosen := of_kind(lines, kind):
                mean = mean_of(lead(line, "torch") for line in chosen)
                rows.append([title, kind, str(len(chosen)), ratio(mean)])
    return table(["", "class", "layers", "PyTorch ÷ ours"], rows, texts=2)


def accuracy(figures: Figures) -> str:
    """Return the errors of the convolutions, the largest of all settings of a layer."""
    names = {"torch": "PyTorch", FAST: "fast", STRICT: "strict"}
    found: dict[str, dict[str, float]] = {}
    kinds: dict[str, str] = {}
    for mode, lines in figures.layers.items():
        for line in lines:
            if not line.case.is_convolution:
                continue
            kinds[line.case.name] = line.case.kind
            mine = max(line.errors[name] for name in OURS if name in line.errors)
            for column, value in ((mode, mine), ("torch", line.errors.get("torch"))):
                if value is not None:
                    errors = found.setdefault(line.case.name, {})
                    errors[column] = max(value, errors.get(column, 0.0))
    largest = {
        column: max((errors[column] for errors in found.values() if column in errors), default=None)
        for column in names
    }
    rows = [
        [name, kinds[name], *(error(errors.get(column)) for column in names)]
        for name, errors in found.items()
    ]
    total = ["largest", "", *(error(value) for value in largest.values())]
    header = ["layer", "class", *names.values()]
    short = table(header[2:], [total[2:]], texts=0)
    return f"Largest of all:\n\n{short}\n\n{folded('Layer by layer', table(header, rows, texts=2))}"


def backward(figures: Figures) -> str:
    """Return the means of the gradients beside PyTorch."""
    timed = [line for line in figures.backward if line.seconds]
    if not timed:
        return NOTHING
    groups: dict[tuple[int, int], list[Line[Case]]] = {}
    for line in timed:
        groups.setdefault((line.case.n, line.threads), []).append(line)
    order = sorted(groups)
    rows = []
    for kind in KINDS:
        chosen = [of_kind(groups[key], kind) for key in order]
        if any(chosen):
            number = str(max(map(len, chosen)))
            means = (ratio(mean_of(lead(one, "torch") for one in lines)) for lines in chosen)
            rows.append([kind, number, *means])
    header = ["class", "layers", *(f"batch {n}, {counted(count)}" for n, count in order)]
    return table(header, rows)


def networks(figures: Figures) -> str:
    """Return the times of whole networks."""
    parts = []
    for name, lines in figures.contests.items():
        peers = list(dict.fromkeys(peer for line in lines for peer in line["seconds"]))
        rows = [
            [
                line["network"],
                line["data"],
                str(line["batch"]),
                str(line["threads"]),
                *(_milliseconds(line["seconds"].get(peer)) for peer in peers),
                ", ".join(f"{value:.2f} {pair}" for pair, value in line["ratios"].items()),
            ]
            for line in lines
        ]
        columns = (f"{peer} ms" for peer in peers)
        header = ["network", "data", "images", "threads", *columns, "ratios"]
        parts.append(f"**{name}**\n\n{table(header, rows, texts=2)}")
    return "\n\n".join(parts) or NOTHING


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e3:,.2f}"


def tables(figures: Figures) -> str:
    """Return the times of every layer, for each number of threads and layout."""
    groups: dict[str, list[Line[Case]]] = {}
    for line in figures.timed:
        groups.setdefault(f"{counted(line.threads)}, {_layout(line.layout)}", []).append(line)
    return "\n\n".join(folded(title, _layer_table(lines)) for title, lines in groups.items())


def _layer_table(lines: Sequence[Line[Case]]) -> str:
    peers = [name for name in TITLES if any(name in line.seconds for line in lines)]
    names = [*peers, *OURS]
    header = ["layer", "class", "n", *(f"{TITLES.get(name, name)} µs" for name in names)]
    rows = []
    for line in lines:
        times = (line.seconds.get(name) for name in names)
        unit = "GF/s" if line.case.is_convolution else "GB/s"
        rows.append(
            [
                line.case.name,
                line.case.kind,
                str(line.case.n),
                *("" if time is None else microseconds(time) for time in times),
                f"{line.rate(ours(line)) / 1e9:.1f} {unit}",
                f"{line.fraction(ours(line)):.0%}",
                ratio(lead(line)),
            ]
        )
    return table([*header, "rate", "of limit", "best peer ÷ ours"], rows, texts=2)


SECTIONS: dict[str, Callable[[Figures], str]] = {
    "machine": machine,
    "means": means,
    "further": further,
    "strict": strict,
    "accuracy": accuracy,
    "backward": backward,
    "networks": networks,
    "tables": tables,
}
"""By the mark that each takes the place of; `behind` needs the reasons too."""
