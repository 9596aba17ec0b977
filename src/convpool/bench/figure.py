"""What pictures of measurements have in common; matplotlib draws them."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from convpool.errors import ArgumentError
from convpool.files import check_writable, write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"torch": "#d9480f", "onnxruntime": "#4263eb", "openvino": "#868e96"}
TITLES = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
OURS = "#2b8a3e"
FORMATS = (".png", ".svg")
INK, GREY, PALE = "#212529", "#495057", "#dee2e6"
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


def check_picture(argument: str, path: Path) -> None:
    """Refuse what can't be drawn, before the work whose picture it is.

    Raises:
        ArgumentError: the path ends otherwise than in .png or .svg, or matplotlib is missing.
        DataError: the file can't be written.
    """
    if path.suffix not in FORMATS:
        raise ArgumentError(argument, str(path), f"a file that ends in {' or '.join(FORMATS)}")
    if find_spec("matplotlib") is None:
        needs = "left out where matplotlib is missing: pip install 'convpool[bench]'"
        raise ArgumentError(argument, str(path), needs)
    check_writable(path, argument)


@contextmanager
def page(width: float, height: float) -> "Iterator[Figure]":
    """Give a figure of so many inches, whose SVG is the same each time."""
    import matplotlib
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {"font.size": 10, "svg.fonttype": "path", "svg.hashsalt": "convpool"}
    with matplotlib.rc_context(style):
        yield Figure(figsize=(width, height), layout="constrained")


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as a .png or .svg file, whole.

    Raises:
        DataError: the file can't be written.
    """
    content = io.BytesIO()
    undated = {"Date": None} if path.suffix == ".svg" else {}
    figure.savefig(content, format=path.suffix[1:], dpi=160, metadata=undated)
    write_whole(path, content.getvalue())


def plain(axes: "Axes", grid: Literal["x", "both"] = "x") -> None:
    """Take frame and ticks off, and lay a grid under what is drawn."""
    axes.grid(axis=grid, color=PALE, lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def ratio_scale(axes: "Axes", ratios: Sequence[float]) -> None:
    """Scale across by ratios, such that 1 is in sight."""
    from matplotlib.ticker import NullLocator

    low, high = min(0.75, min(ratios) / 1.5), max(2.0, max(ratios) * 1.35)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
