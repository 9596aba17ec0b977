"""What a run leaves behind besides the events: contact sheets and summary.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from convpool.notation import shape_text
from convpool.pictures import ColourScale, Column, contact_sheet, tile_maps
from convpool.runs.net import Array, Net, Values

if TYPE_CHECKING:
    from convpool.pictures.png import Picture

_ROWS = 6  # images on the sheet: what fits a screen with room for detail
_COLUMNS = 16  # layers on the sheet, the input included: a page of 5,000 pixels


class ValueCounter:
    """Gathers `Values` over batches."""

    def __init__(self) -> None:
        self._lowest, self._highest, self._sum, self._count = np.inf, -np.inf, 0.0, 0

    def add(self, output: Array) -> None:
        """Take one batch into account."""
        self._lowest = min(self._lowest, float(output.min()))
        self._highest = max(self._highest, float(output.max()))
        self._sum += float(output.sum(dtype=np.float64))
        self._count += output.size

    @property
    def values(self) -> Values:
        """Those of all batches so far, of which there must be one."""
        return Values(self._lowest, self._highest, self._sum / self._count)


@dataclass(frozen=True, eq=False)
class Shown:
    """The first batch's images, or a layer's outputs of them, and the scale to show them on."""

    heading: str
    maps: Array
    scale: ColourScale


def contact_sheets(
    shown: Sequence[Shown], names: Sequence[str], title: str
) -> "dict[str, Picture]":
    """Return the pictures of the first batch by file name.

    `sheet.png` follows a few images, spread over the batch, through all layers; `input.png` and
    `output.png` show the whole batch, as TensorBoard does.
    """
    count = len(names)
    rows = min(_ROWS, count)
    chosen = [count * row // rows for row in range(rows)]
    parts = [shown[place] for place in _spread(len(shown), _COLUMNS)]
    columns = [
        Column(part.heading, shape_text(part.maps.shape[1:]), part.maps[chosen], part.scale)
        for part in parts
    ]
    left = len(shown) - len(parts)
    more = f" {left} more outputs are in summary.json and in TensorBoard." if left else ""
    sheet = contact_sheet(
        columns,
        title=title,
        names=[names[number] for number in chosen],
        footer="Black is low, white is high, on one scale a column; "
        f"zero is written where it lies.{more}",
        rows=rows,
    )
    return {
        "sheet.png": sheet,
        "input.png": tile_maps(shown[0].maps, shown[0].scale).pixels,
        "output.png": tile_maps(shown[-1].maps, shown[-1].scale).pixels,
    }


def summary_json(net: Net, counters: Mapping[str, ValueCounter], facts: dict[str, Any]) -> bytes:
    """Return summary.json: the facts of the run, and the net's report with each output's values."""
    values = {tag: counter.values for tag, counter in counters.items()}
    record = {**facts, "net": net.record(values)}
    return (json.dumps(record, indent=2, allow_nan=False) + "\n").encode()


def _spread(count: int, most: int) -> list[int]:
    """Return up to `most` of the numbers below `count`, evenly, the first and the last included."""
    if count <= most:
        return list(range(count))
    return [round(place * (count - 1) / (most - 1)) for place in range(most)]
