"""The pictures of the report: ratios by class, and the roofline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import geometric_mean

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from benchmarks.cases import Case
from benchmarks.means import KINDS
from benchmarks.report.runs import best_peer, lead
from benchmarks.report.sections import BEHIND, of_kind
from convpool.bench.figure import COLOURS, GREY, INK, TITLES, page, plain, ratio_scale, save
from convpool.bench.measure import Line
from convpool.bench.survey import ours

LEAST_WORK = 100_000
"""Operations of a layer under the roofs: the time of fewer is that of a call."""
SHADES = {
    "3x3 s1": "#2b8a3e",
    "1x1": "#1971c2",
    "strided": "#e8590c",
    "depthwise": "#9c36b5",
    "grouped": "#c2255c",
    "dilated": "#5f3dc4",
    "first layer": "#f08c00",
    "other conv": "#0c8599",
    "transposed": "#868e96",
}
"""Of the classes of convolutions."""


def draw_ratios(lines: Sequence[Line[Case]], title: str, path: Path) -> None:
    """Draw a dot for each layer, by class: the best peer's time over ours."""
    found = {kind: [line for line in of_kind(lines, kind) if lead(line)] for kind in KINDS}
    found = {kind: of_one for kind, of_one in found.items() if of_one}
    with page(9.2, 1.4 + 0.46 * len(found)) as figure:
        axes = figure.subplots()
        for row, of_one in enumerate(found.values()):
            _dots(axes, row, of_one)
        ratio_scale(axes, [value for line in lines if (value := lead(line)) is not None])
        axes.axvline(1, color=INK, lw=1)
        axes.axvspan(0.001, BEHIND, color="#fff4e6", zorder=0)
        plain(axes)
        axes.set_yticks(range(len(found)), [f"{kind} ({len(of)})" for kind, of in found.items()])
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.set_title(
            "Time of the best peer ÷ time of convpool, layer by layer",
            loc="left",
            fontsize=11.5,
            color=INK,
            pad=22,
        )
        axes.set_xlabel(
            f"float32, {title}; the line is a class's geometric mean", color=GREY, fontsize=8.5
        )
        _key(axes, [best_peer(line) for line in lines])
        save(figure, path)


def _dots(axes: Axes, row: int, lines: Sequence[Line[Case]]) -> None:
    """Draw a class; layers whose ratios are alike lie above each other."""
    ratios = {line.case: value for line in lines if (value := lead(line)) is not None}
    for number, line in enumerate(sorted(lines, key=lambda line: ratios[line.case])):
        at = row + 0.24 * (number % 3 - 1)
        colour = COLOURS.get(best_peer(line) or "", GREY)
        axes.scatter(ratios[line.case], at, 26, color=colour, alpha=0.8, lw=0, zorder=2)
    mean = geometric_mean(ratios.values())
    axes.vlines(mean, row - 0.4, row + 0.4, color=INK, lw=2, zorder=3)
    axes.annotate(
        f"{mean:.2f}",
        (1, row),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=9,
        color=INK,
    )


def _key(axes: Axes, peers: Sequence[str | None]) -> None:
    keys = [
        Line2D([], [], color=colour, lw=0, marker="o", ms=5, label=TITLES[peer])
        for peer, colour in COLOURS.items()
        if peer in peers
    ]
    axes.legend(
        handles=keys,
        title=None,
        frameon=False,
        fontsize=8.5,
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=len(keys),
        borderaxespad=0.2,
        handlelength=0.8,
    )


def draw_roofline(
    lines: Sequence[Line[Case]], limits: Mapping[str, float], title: str, path: Path
) -> None:
    """Draw each convolution's rate over its operations a byte, under the machine's roofs."""
    convolutions = (line for line in lines if line.case.is_convolution and line.seconds)
    chosen = [line for line in convolutions if line.case.work >= LEAST_WORK]
    with page(9.2, 5.6) as figure:
        axes = figure.subplots()
        for kind, colour in SHADES.items():
            for line in of_kind(chosen, kind):
                _point(axes, line, colour)
        _roofs(axes, chosen, limits)
        axes.set_xscale("log")
        axes.set_yscale("log")
        plain(axes, "both")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(
            "operations a byte, where input, weights and output are moved once each",
            fontsize=9,
            color=GREY,
        )
        axes.set_ylabel("GF/s, counted as the definition multiplies", fontsize=9, color=GREY)
        axes.set_title(
            f"Convolutions under the machine's roofs, {title}", loc="left", fontsize=11.5, color=INK
        )
        kinds = [kind for kind in SHADES if of_kind(chosen, kind)]
        dots = [
            Line2D([], [], color=SHADES[kind], lw=0, marker="o", ms=5, label=kind) for kind in kinds
        ]
        ring = Line2D([], [], color=GREY, lw=0, marker="o", mfc="none", ms=4, label="best peer")
        axes.legend(handles=[*dots, ring], frameon=False, fontsize=8.5, loc="lower right")
        save(figure, path)


def _point(axes: Axes, line: Line[Case], colour: str) -> None:
    """Draw ours as a dot, and the best peer as a ring that a line leads to."""
    at, rate = line.case.intensity, line.rate(ours(line)) / 1e9
    axes.scatter(at, rate, 30, color=colour, lw=0, zorder=3)
    peer = best_peer(line)
    if peer is not None:
        theirs = line.rate(peer) / 1e9
        axes.plot([at, at], [theirs, rate], color=colour, lw=0.7, alpha=0.5, zorder=2)
        axes.scatter(at, theirs, 16, facecolors="none", edgecolors=GREY, lw=0.8, zorder=2)


def _roofs(axes: Axes, lines: Sequence[Line[Case]], limits: Mapping[str, float]) -> None:
    """Draw what copying allows, and the peaks of multiply-adds and of AMX."""
    spread = [line.case.intensity for line in lines]
    across = np.geomspace(min(spread) / 1.5, max(spread) * 1.5, 2)
    copied = limits["large copy"] / 1e9
    peaks = {"multiply-adds": "FMA", "matrix products": "AMX, float32 in three pieces"}
    known = {name: limits[name] / 1e9 for name in peaks if name in limits}
    top = max(known.values())
    ramp = np.array([across[0], min(top / copied, across[1])])
    axes.plot(ramp, copied * ramp, color=INK, lw=1.2, zorder=1)
    middle = float(np.sqrt(ramp[0] * ramp[1]))
    axes.annotate(
        f"copy, {copied:.1f} GB/s",
        (middle, copied * middle),
        (-6, 8),
        ha="right",
        textcoords="offset points",
        fontsize=8.5,
        color=INK,
    )
    for name, peak in known.items():
        axes.plot([peak / copied, across[1]], [peak, peak], color=INK, lw=1.2, zorder=1)
        axes.annotate(
            f"{peaks[name]}, {peak:.0f} GF/s",
            (across[1], peak),
            (0, 4),
            ha="right",
            textcoords="offset points",
            fontsize=8.5,
            color=INK,
        )
