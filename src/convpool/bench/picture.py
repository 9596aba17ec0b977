"""The picture of a survey: layer by layer, how convpool and torch use the machine."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from convpool.bench.cases import Case
from convpool.bench.figure import COLOURS, GREY, INK, OURS, page, plain, ratio_scale, save
from convpool.bench.machine import counted
from convpool.bench.measure import Line
from convpool.bench.survey import Survey, ours, speedup
from convpool.bench.words import words
from convpool.errors import DataError
from convpool.notation import shape_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(survey: Survey, path: Path) -> None:
    """Write the picture of a survey.

    On the left torch's time over ours, if torch took part; on the right which part of the machine's
    limit each reaches: multiply-adds of convolutions, copying of pooling layers.

    Raises:
        DataError: nothing was timed, or the file can't be written.
    """
    lines = [line for line in survey.lines if line.seconds]
    if not lines:
        raise DataError(f"cannot draw {path}: nothing was timed")
    compared = bool(survey.compared)
    with page(11.5 if compared else 8.6, 1.5 + 0.42 * len(lines)) as figure:
        found = figure.subplots(1, 1 + compared, sharey=True, squeeze=False)[0]
        if compared:
            _ratios(found[0], lines)
        _fractions(found[-1], lines, names=not compared)
        labels = [f"{line.case.name}\n{_below(line)}" for line in lines]
        found[0].set_yticks(range(len(lines)), labels, fontsize=8)
        found[0].set_ylim(len(lines) - 0.5, -0.5)
        figure.suptitle(words(survey), x=0.01, ha="left", fontsize=11.5, color=INK)
        below = f"{survey.machine.cpu}, {counted(survey.order.threads)}, float32, {_layout(survey)}"
        figure.supxlabel(below, x=0.01, ha="left", fontsize=8.5, color=GREY)
        save(figure, path)


def _below(line: Line[Case]) -> str:
    often = f", {line.case.count} times" if line.case.count > 1 else ""
    return f"{shape_text(line.case.shape)}{often}"


def _layout(survey: Survey) -> str:
    return "channels-last" if survey.order.layout == "nhwc" else "NCHW"


def _ratios(axes: "Axes", lines: Sequence[Line[Case]]) -> None:
    """Draw how much longer torch takes."""
    ratios = [speedup(line) for line in lines]
    for row, ratio in enumerate(ratios):
        if ratio is None:
            continue
        axes.barh(row, ratio - 1, 0.6, left=1, color=OURS if ratio >= 1 else COLOURS["torch"])
        axes.annotate(
            f"{ratio:.2f}",
            (ratio, row),
            (4 if ratio >= 1 else -4, 0),
            textcoords="offset points",
            ha="left" if ratio >= 1 else "right",
            va="center",
            fontsize=8.5,
            color=INK,
        )
    ratio_scale(axes, [ratio for ratio in ratios if ratio is not None])
    axes.axvline(1, color=INK, lw=1)
    plain(axes)
    axes.set_title("torch's time ÷ convpool's", loc="left", fontsize=9.5, color=GREY)


def _fractions(axes: "Axes", lines: Sequence[Line[Case]], *, names: bool) -> None:
    """Draw which part of the limit is reached: a dot for each."""
    for row, line in enumerate(lines):
        marks = [(ours(line), OURS, "convpool")]
        if "torch" in line.seconds:
            marks.append(("torch", COLOURS["torch"], "torch"))
        parts = [100 * line.fraction(name) for name, _, _ in marks]
        axes.plot([min(parts), max(parts)], [row, row], color=GREY, lw=1, zorder=1)
        for part, (_, colour, label) in zip(parts, marks, strict=True):
            axes.scatter(part, row, 42, color=colour, zorder=2, label=label if row == 0 else None)
    axes.axvline(100, color=INK, lw=1)
    axes.set_xlim(left=0)
    plain(axes)
    axes.xaxis.set_major_formatter("{x:.0f} %")
    axes.set_title("part of the machine's limit", loc="left", fontsize=9.5, color=GREY)
    if not names:
        axes.legend(frameon=False, fontsize=8.5, loc="lower right", ncols=2)
