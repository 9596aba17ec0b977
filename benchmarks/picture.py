"""The picture of a run: by class, how many times as long the peers take."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.means import KINDS, Mean, Setting
from convpool.errors import ArgumentError
from convpool.files import write_whole

COLOURS = {"torch": "#d9480f", "onnxruntime": "#4263eb", "openvino": "#868e96"}
TITLES = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
FORMATS = (".png", ".svg")
_INK = "#212529"
_BAR = 0.26


def draw(means: Sequence[Mean], machine: str, path: Path) -> None:
    """Write the picture of the last setting of a run that has the most classes.

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
    peers = list(dict.fromkeys(mean.peer for mean in inside))
    rows = len(kinds)
    settings: dict[Any, Any] = {"font.size": 10, "svg.fonttype": "path", "svg.hashsalt": "convpool"}
    with matplotlib.rc_context(settings):
        figure = Figure(
            figsize=(8.4, 1.5 + 0.16 * rows + 0.2 * rows * len(peers)), layout="constrained"
        )
        axes = figure.subplots()
        for number, peer in enumerate(peers):
            _bars(
                axes,
                [mean for mean in inside if mean.peer == peer],
                kinds,
                (number - (len(peers) - 1) / 2) * _BAR,
            )
        _dress(axes, kinds, setting, machine)
        content = io.BytesIO()
        figure.savefig(content, format=path.suffix[1:], dpi=160, metadata=_undated(path))
    write_whole(path, content.getvalue())


def _setting(means: Sequence[Mean]) -> Setting:
    """Return the setting to draw: NCHW and the table's batches and the most threads, if there."""
    return max(
        (mean.setting for mean in means),
        key=lambda setting: (setting.layout == "nchw", setting.batch == "table", setting.threads),
    )


def _bars(axes: Axes, means: Sequence[Mean], kinds: Sequence[str], shift: float) -> None:
    """Draw one peer's bars, with their numbers, and the ticks of functions on them."""
    by_call = {(mean.kind, mean.ours): mean.ratio for mean in means}
    peer = means[0].peer
    for row, kind in enumerate(kinds):
        functions, bound = by_call.get((kind, "functions")), by_call.get((kind, "bound"))
        ratio = bound if bound is not None else functions
        if ratio is None:
            continue
        at = row + shift
        label = TITLES[peer] if kind == means[0].kind else None
        axes.barh(at, ratio - 1, _BAR * 0.92, left=1, color=COLOURS[peer], label=label)
        if bound is not None and functions is not None:
            axes.plot([functions] * 2, [at - _BAR * 0.46, at + _BAR * 0.46], color=_INK, lw=1.4)
        text = f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
        outside = max(ratio, 1.0, functions or 0)
        axes.annotate(
            text,
            (outside, at),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=_INK,
        )


def _dress(axes: Axes, kinds: Sequence[str], setting: Setting, machine: str) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.7), high * 1.5)
    ticks = [
        tick for tick in (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if low <= tick <= high * 1.5
    ]
    axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.axvline(1, color=_INK, lw=1)
    axes.grid(axis="x", color="#dee2e6", lw=0.8)
    axes.set_axisbelow(True)
    axes.set_yticks(range(len(kinds)), kinds)
    axes.tick_params(length=0)
    axes.invert_yaxis()
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_title(
        f"How many times as long the others take (float32, {setting})",
        loc="left",
        fontsize=11,
        color=_INK,
    )
    axes.set_xlabel(machine, fontsize=8.5, color="#495057")
    axes.legend(frameon=False, loc="best", fontsize=9)


def _undated(path: Path) -> dict[str, None]:
    return {"Date": None} if path.suffix == ".svg" else {}
