"""The frames of one image through one layer: which cells meet which weights, and what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from convpool.errors import ArgumentError
from convpool.spec import LayerSpec

Place = tuple[int, int, int]
"""Channel, row, column. Rows and columns of padding lie outside the plane: -1, or its height."""
Array = NDArray[Any]


def bias_of(bias: Array | None, target: Place) -> float | None:
    """Return what is added to an output cell, None if nothing is."""
    return None if bias is None else float(bias[target[0]])


@dataclass(frozen=True, slots=True)
class Term:
    """One cell that a window reads, or that a stamped kernel writes to, and what comes of it.

    Args:
        cell: where it lies on the input, padding included (for a transposed layer: the input cell
            whose stamp reaches the frame's target).
        source: the input cell whose value it has: itself, or the one that padding of the mode
            reflect, replicate or circular repeats; None for padding of a constant.
        tap: the row and column of the kernel that it meets.
        value: of the cell: 0 for zero padding, -inf for that of max pooling.
        weight: that it is multiplied with, None where nothing is multiplied (max pooling).
        product: value times weight; for max pooling the value.
        running: the sum, or the largest value, up to and with this term (a bias comes last).
    """

    cell: Place
    source: Place | None
    tap: tuple[int, int]
    value: float
    weight: float | None
    product: float
    running: float


@dataclass(frozen=True, slots=True)
class Frame:
    """One output position, or one term of it.

    Args:
        target: the output cell.
        terms: all that goes into it, channel by channel, tap by tap.
        step: in a fine film, the index of the term that is being added; None: all of them at once.
        result: the value of the output cell, bias included.
        bias: that is added, None if there is none.
        chosen: for max pooling, the index in `terms` of the winner; None for all others.
        flat_index: for max pooling, the winner's index within its plane as PyTorch gives it;
            for unpooling the index that says where the value goes.
        equation: what is computed, in words and numbers, such as "1×2 + 3×(-1) = -1".
    """

    target: Place
    terms: tuple[Term, ...]
    step: int | None
    result: float
    bias: float | None
    chosen: int | None
    flat_index: int | None
    equation: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something about an axis that a picture should say.

    Args:
        kind: "unvisited" (cells of the padded input that no window reads), "extra taken" or
            "extra refused" (the last window of ceil_mode), or "no fit" (an invalid layer).
        vertical: whether it is about rows; else about columns.
        cells: the rows or columns that it is about, padding counted as in `Place`.
        text: in words, with the inequality that decides.
    """

    kind: str
    vertical: bool
    cells: tuple[int, ...]
    text: str


@dataclass(frozen=True, eq=False)
class Film:
    """All that is to be told about one image in one layer.

    Args:
        spec: the layer.
        input: the image, (C, H, W), float64.
        weight: as the layer has it (torch's order of axes), None without weights; for average
            pooling None too: the terms hold what each cell is multiplied with.
        bias: one a filter, or None.
        output: (K, OH, OW), float64; empty where the geometry doesn't fit.
        padding: rows and columns of padding around the input: top, bottom, left, right. For a
            transposed layer: those by which its zero-stuffed twin is padded (may be negative).
        frames: in the order of the output, last axis fastest; made when they are asked for. A
            geometry that doesn't fit has one: the first window, with the cells that it lacks.
        sizes: the size equation with the layer's numbers, a line an axis.
        notes: what else a picture says.
        indices: flat indices within a plane: those that max pooling finds, of the output's shape;
            those that unpooling obeys, of the input's shape; None for all others.
        origin: for unpooling with indices of its own making: the pooling that it undoes.
    """

    spec: LayerSpec
    input: Array
    weight: Array | None
    bias: Array | None
    output: Array
    padding: tuple[int, int, int, int]
    frames: Sequence[Frame]
    sizes: tuple[str, ...]
    notes: tuple[Note, ...]
    indices: Array | None = None
    origin: "Film | None" = None

    @property
    def title(self) -> str:
        """The layer as it prints."""
        return str(self.spec)

    @property
    def fits(self) -> bool:
        """Whether the layer can work on this image at all."""
        return not any(note.kind == "no fit" for note in self.notes)

    def cut(self, first: int, end: int | None = None) -> "Film":
        """Return the film with the frames from `first` to `end`, which is not among them.

        Raises:
            ArgumentError: no frame lies there.
        """
        count = len(self.frames)
        end = count if end is None else end
        if not 0 <= first < end <= count:
            raise ArgumentError(
                "frames", f"{first}:{end}", f"A:B with 0 <= A < B <= {count}, the number of frames"
            )
        return replace(self, frames=self.frames[first:end])
