"""Tilings: a batch of maps laid out as one picture, every value a whole number of pixels wide.

Three laws. A value is shown as it is: enlarged by a whole number of pixels, never blended with its
neighbours. The picture stays within its bound. Whatever is left out for that, it says so.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.pictures.scale import Colour, ColourScale, real

DEEP_BLUE_GREY: Colour = (47, 62, 92)  # between the maps: no map shown in grey has it

# A grid may be this much wider than high, or higher than wide, to leave fewer cells empty.
_WIDEST, _HIGHEST = 2.2, 1.4


@dataclass(frozen=True, eq=False)
class Tiling:
    """A picture of a batch of maps, and how much of the batch it shows.

    Args:
        pixels: uint8, (H, W, 3).
        shown_samples: how many samples are shown, from the first on.
        samples: how many there are.
        shown_maps: how many maps of each sample are shown, from the first on.
        maps: how many each has; the three of a colour picture count as one.
        factor: pixels along each side of one value.
        every: 1 where all rows and columns are shown, k where each k-th is.

    Example:
        >>> tiling = tile_maps(np.zeros((1, 512, 300, 300)))
        >>> tiling.shown_maps, tiling.maps, tiling.factor, tiling.caption
        (36, 512, 1, 'first 36 of 512 maps')
    """

    pixels: npt.NDArray[np.uint8]
    shown_samples: int
    samples: int
    shown_maps: int
    maps: int
    factor: int
    every: int

    @property
    def caption(self) -> str:
        """What is left out, in words; empty where nothing is.

        Example:
            >>> tile_maps(np.zeros((2, 3, 32, 32))).caption
            ''
        """
        parts = []
        if self.shown_samples < self.samples:
            parts.append(f"first {self.shown_samples} of {self.samples} samples")
        if self.shown_maps < self.maps:
            parts.append(f"first {self.shown_maps} of {self.maps} maps")
        if self.every > 1:
            parts.append(f"1 pixel in {self.every} each way")
        return ", ".join(parts)


class _Grid(NamedTuple):
    """Cells of one size in rows and columns, `gap` pixels between them."""

    rows: int
    columns: int
    cell_height: int
    cell_width: int
    gap: int

    @property
    def height(self) -> int:
        return self.rows * (self.cell_height + self.gap) - self.gap

    @property
    def width(self) -> int:
        return self.columns * (self.cell_width + self.gap) - self.gap

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    def within(self, bound: int) -> bool:
        return self.height <= bound and self.width <= bound

    def ungainliness(self, count: int) -> tuple[bool, float, float]:
        """Order grids: of those neither too wide nor too high, the fullest; else the squarest.

        The gaps have no say, so that maps of any size and factor get the same grid and a channel
        keeps its place from layer to layer.
        """
        aspect = self.columns * self.cell_width / (self.rows * self.cell_height)
        outside = not 1 / _HIGHEST <= aspect <= _WIDEST
        return outside, 0 if outside else self.cells - count, abs(math.log(aspect))


def tile_maps(
    maps: npt.NDArray[Any],
    scale: ColourScale | None = None,
    *,
    columns: int | None = None,
    shortest: int = 48,
    bound: int = 2048,
    gap_colour: Colour = DEEP_BLUE_GREY,
) -> Tiling:
    """Lay a batch of maps out as one picture.

    A sample with one map is shown in grey, one with three as red, green and blue, any other as a
    grid of grey maps; the samples stand in a grid in turn. Maps are enlarged by a whole number
    until their shorter side reaches `shortest` pixels, or as far as all of them fit the bound.
    Where they don't fit even at one pixel a value, fewer samples are shown, then fewer maps; and
    of a single map larger than the bound, every k-th row and column. `Tiling.caption` tells.

    Args:
        maps: (N, C, H, W), floats, integers or booleans.
        scale: what is black and what is white; chosen from these maps where left out. Pass a
            layer's first scale for all its steps, so that they can be compared.
        columns: samples side by side at most; chosen for a picture about square where left out.
        shortest: the shorter side in pixels that a map should reach.
        bound: the longest side in pixels that the picture may have.
        gap_colour: red, green and blue, 0..255, of the gaps and of cells left empty.

    Raises:
        ArgumentTypeError: where the maps are not a NumPy array.
        ArgumentError: where the maps do not have four axes or one is empty, or where `columns`,
            `shortest` or `bound` is below 1.
        DtypeError: where the elements are not real numbers.

    Example:
        >>> tile_maps(np.eye(4).reshape(1, 1, 4, 4), shortest=8).pixels[:4, :4, 0].tolist()
        [[255, 255, 0, 0], [255, 255, 0, 0], [0, 0, 255, 255], [0, 0, 255, 255]]
        >>> tile_maps(np.zeros((8, 3, 32, 32))).pixels.shape  # 2 rows of 4, at 2 pixels a value
        (132, 268, 3)
    """
    checked_maps(maps)
    for name, value in (("columns", columns), ("shortest", shortest), ("bound", bound)):
        if value is not None and value < 1:
            raise ArgumentError(name, value, "a whole number of at least 1")
    scale = scale or ColourScale.of(maps)
    every = math.ceil(max(maps.shape[2:]) / bound)
    values = maps[:, :, ::every, ::every]
    factor, of_maps, of_samples = _layout(values.shape, columns, shortest, bound)

    shown_samples = min(len(values), of_samples.cells)
    in_colour = values.shape[1] == 3
    shown_maps = 1 if in_colour else min(values.shape[1], of_maps.cells)
    grey = scale.to_bytes(values[:shown_samples, : 3 if in_colour else shown_maps])
    grey = grey.repeat(factor, axis=2).repeat(factor, axis=3)
    if in_colour:
        tiles = np.moveaxis(grey, 1, -1)
    else:
        coloured = np.broadcast_to(grey[..., np.newaxis], (*grey.shape, 3))
        tiles = np.stack([_lay(sample, of_maps, gap_colour) for sample in coloured])
    return Tiling(
        pixels=_lay(tiles, of_samples, gap_colour),
        shown_samples=shown_samples,
        samples=len(maps),
        shown_maps=shown_maps,
        maps=1 if in_colour else maps.shape[1],
        factor=factor,
        every=every,
    )


def checked_maps(maps: Any) -> npt.NDArray[Any]:
    """Return the maps if they can be shown: real numbers in (N, C, H, W), none of the axes empty.

    Raises:
        ArgumentTypeError, ArgumentError, DtypeError: as in `tile_maps`.

    Example:
        >>> checked_maps(np.zeros((1, 8, 4, 4))).shape
        (1, 8, 4, 4)
    """
    if not isinstance(maps, np.ndarray):
        raise ArgumentTypeError("maps", maps, "a NumPy array (N, C, H, W)")
    if maps.ndim != 4 or 0 in maps.shape:
        raise ArgumentError("the shape of maps", maps.shape, "(N, C, H, W), each at least 1")
    return real("maps", maps)


def _layout(
    shape: tuple[int, ...], columns: int | None, shortest: int, bound: int
) -> tuple[int, _Grid, _Grid]:
    """Choose the factor, the grid of one sample's maps and the grid of samples.

    The largest factor at which both of the most pleasing grids fit; at one pixel a value any grids
    that fit; and where none do, those that fill the bound.
    """
    samples, channels, height, width = shape
    maps = 1 if channels == 3 else channels
    for factor in range(max(1, math.ceil(shortest / min(height, width))), 0, -1):
        gap = 1 if min(height, width) * factor < 24 else 2
        of_maps = _Grid(1, 1, height * factor, width * factor, gap)
        of_maps = _arranged(of_maps, maps, bound if factor == 1 else None)
        # A wider gap around several maps, so that those of one sample are seen to belong together.
        gap *= 2 if maps == 1 else 5
        of_samples = _Grid(1, 1, of_maps.height, of_maps.width, gap)
        if columns is None:
            of_samples = _arranged(of_samples, samples, bound)
        else:
            of_samples = _in_columns(of_samples, samples, columns, bound)
        if of_samples.cells >= samples and of_samples.within(bound):
            break
    return factor, of_maps, of_samples


def _arranged(cell: _Grid, count: int, bound: int | None) -> _Grid:
    """Choose the grid for `count` cells; where none fits the bound, the one that fills it."""
    choices = (
        cell._replace(rows=math.ceil(count / columns), columns=columns)
        for columns in range(1, min(count, bound or count) + 1)
    )
    if bound is None:
        return min(choices, key=lambda grid: grid.ungainliness(count))
    fitting = (grid for grid in choices if grid.within(bound))
    chosen = min(fitting, key=lambda grid: grid.ungainliness(count), default=None)
    return chosen or _in_columns(cell, count, count, bound)


def _in_columns(cell: _Grid, count: int, columns: int, bound: int) -> _Grid:
    """Put `count` cells side by side in `columns` or as many as fit, in as many rows as fit."""
    across = max(1, min(columns, count, (bound + cell.gap) // (cell.cell_width + cell.gap)))
    most_rows = max(1, (bound + cell.gap) // (cell.cell_height + cell.gap))
    return cell._replace(rows=min(math.ceil(count / across), most_rows), columns=across)


def _lay(cells: npt.NDArray[np.uint8], grid: _Grid, gap_colour: Colour) -> npt.NDArray[np.uint8]:
    """Put cells (n, h, w, 3) into the grid, row by row: (grid.height, grid.width, 3)."""
    height, width = grid.cell_height + grid.gap, grid.cell_width + grid.gap
    padded = np.empty((grid.cells, height, width, 3), np.uint8)
    padded[...] = gap_colour
    padded[: len(cells), : grid.cell_height, : grid.cell_width] = cells
    laid = padded.reshape(grid.rows, grid.columns, height, width, 3).swapaxes(1, 2)
    laid = laid.reshape(grid.rows * height, grid.columns * width, 3)
    return np.ascontiguousarray(laid[: grid.height, : grid.width])
