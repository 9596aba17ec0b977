"""The picture of a run: by class, how many times as long the peers take."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator

from benchmarks.means import KINDS, Mean, Setting
from convpool.errors import ArgumentError
from convpool.files import write_whole

COLOURS = {"torch": "#d9480f", "onnxruntime": "#4263eb", "openvino": "#868e96"}
TITLES = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
FORMATS = (".png", ".svg")
_INK, _GREY, _PALE = "#212529", "#495057", "#dee2e6"
_BAR = 0.27
"""Height of a bar, where a class has 1."""
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


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
    if path.suffix not in FORMATS:
        raise ArgumentError("--picture", str(path), f"a file that ends in {' or '.join(FORMATS)}")
    if not means:
        raise ArgumentError("--picture", str(path), "left out where no peer was timed")
    setting = _setting(means)
    inside = [mean for mean in means if mean.setting == setting]
    kinds = [kind for kind in KINDS if any(mean.kind == kind for mean in inside)]
    style: dict[Any, Any] = {"font.size": 10, "svg.fonttype": "path", "svg.hashsalt": "convpool"}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(8.6, 1.4 + 0.62 * len(kinds)), layout="constrained")
        axes = figure.subplots()
        for row, kind in enumerate(kinds):
            _bars(axes, row, [mean for mean in inside if mean.kind == kind])
        _scale(axes, [mean.ratio for mean in inside])
        _dress(axes, kinds, f"{setting}; {machine}")
        _legend(axes, inside)
        content = io.BytesIO()
        undated = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(content, format=path.suffix[1:], dpi=160, metadata=undated)
    write_whole(path, content.getvalue())


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
            axes.vlines(functions, at - _BAR * 0.45, at + _BAR * 0.45, color=_INK, lw=1.6)
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
        color=_INK,
    )


def _scale(axes: Axes, ratios: Sequence[float]) -> None:
    low, high = min(0.75, min(ratios) / 1.5), max(2.0, max(ratios) * 1.35)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def _dress(axes: Axes, kinds: Sequence[str], below: str) -> None:
    axes.axvline(1, color=_INK, lw=1)
    axes.grid(axis="x", color=_PALE, lw=0.8)
    axes.set_axisbelow(True)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(
        "Time of others ÷ time of convpool", loc="left", fontsize=11.5, color=_INK, pad=22
    )
    axes.set_xlabel(f"geometric means, float32, {below}", fontsize=8.5, color=_GREY)


def _legend(axes: Axes, means: Sequence[Mean]) -> None:
    keys: list[Any] = [
        Patch(color=colour, label=TITLES[peer])
        for peer, colour in COLOURS.items()
        if any(mean.peer == peer for mean in means)
    ]
    if any(mean.ours == "bound" for mean in means):
        text = "weights packed in each call"
        keys.append(Line2D([], [], color=_INK, lw=0, marker="|", ms=9, mew=1.6, label=text))
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
