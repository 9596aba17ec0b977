"""The picture of a run: by class, how many times as long the peers take."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from benchmarks.means import KINDS, Mean, Setting
from convpool.bench.figure import (
    COLOURS,
    GREY,
    INK,
    TITLES,
    check_picture,
    page,
    plain,
    ratio_scale,
    save,
)
from convpool.errors import ArgumentError

_BAR = 0.27
"""Height of a bar, where a class has 1."""


def draw(means: Sequence[Mean], machine: str, path: Path) -> None:
    """Write the picture of one setting of a run: NCHW, the table's batches, the most threads.

    A bar is the geometric mean over a class of the peer's time over ours, of bound layers where
    there are some, otherwise of functions; where there are both, a tick marks the functions'.

    Args:
        means: of a run.
        machine: a line about where it ran.
        path: a .png or .svg file.

    Raises:
        ArgumentError: the path ends otherwise, or there is nothing to draw.
        DataError: the file can't be written.
    """
    check_picture("--picture", path)
    if not means:
        raise ArgumentError("--picture", str(path), "left out where no peer was timed")
    setting = _setting(means)
    inside = [mean for mean in means if mean.setting == setting]
    kinds = [kind for kind in KINDS if any(mean.kind == kind for mean in inside)]
    with page(8.6, 1.4 + 0.62 * len(kinds)) as figure:
        axes = figure.subplots()
        for row, kind in enumerate(kinds):
            _bars(axes, row, [mean for mean in inside if mean.kind == kind])
        ratio_scale(axes, [mean.ratio for mean in inside])
        _dress(axes, kinds, f"{setting}; {machine}")
        _legend(axes, inside)
        save(figure, path)


def _setting(means: Sequence[Mean]) -> Setting:
    """Return the setting to draw: NCHW, the table's batches, the most threads, as far as there."""
    return max(
        (mean.setting for mean in means),
        key=lambda setting: (setting.layout == "nchw", setting.batch == "table", setting.threads),
    )


def _bars(axes: Axes, row: int, means: Sequence[Mean]) -> None:
    """Draw a class: a bar with its number for each peer, and the ticks of functions on them."""
    ratios = {(mean.peer, mean.ours): mean.ratio for mean in means}
    peers = [peer for peer in COLOURS if any(mean.peer == peer for mean in means)]
    for number, peer in enumerate(peers):
        at = row + (number - (len(peers) - 1) / 2) * _BAR
        functions, bound = ratios.get((peer, "functions")), ratios.get((peer, "bound"))
        ratio = next(one for one in (bound, functions) if one is not None)
        axes.barh(at, ratio - 1, _BAR * 0.9, left=1, color=COLOURS[peer])
        marked = [ratio]
        if functions is not None and bound is not None:
            axes.vlines(functions, at - _BAR * 0.45, at + _BAR * 0.45, color=INK, lw=1.6)
            marked.append(functions)
        _number(axes, ratio, at, marked)


def _number(axes: Axes, ratio: float, at: float, marked: Sequence[float]) -> None:
    """Write a bar's number beyond its end and its tick."""
    right = ratio >= 1
    axes.annotate(
        f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}",
        (max(1.0, *marked) if right else min(1.0, *marked), at),
        (4 if right else -4, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center_baseline",
        fontsize=8.5,
        color=INK,
    )


def _dress(axes: Axes, kinds: Sequence[str], below: str) -> None:
    axes.axvline(1, color=INK, lw=1)
    plain(axes)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    axes.set_title(
        "Time of others ÷ time of convpool", loc="left", fontsize=11.5, color=INK, pad=22
    )
    axes.set_xlabel(f"geometric means, float32, {below}", fontsize=8.5, color=GREY)


def _legend(axes: Axes, means: Sequence[Mean]) -> None:
    keys: list[Any] = [
        Patch(color=colour, label=TITLES[peer])
        for peer, colour in COLOURS.items()
        if any(mean.peer == peer for mean in means)
    ]
    if any(mean.ours == "bound" for mean in means):
        text = "weights packed in each call"
        keys.append(Line2D([], [], color=INK, lw=0, marker="|", ms=9, mew=1.6, label=text))
    axes.legend(
        handles=keys,
        frameon=False,
        fontsize=8.5,
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=len(keys),
        borderaxespad=0.2,
        handlelength=1.2,
        columnspacing=1.2,
    )
