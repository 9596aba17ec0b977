"""Geometric means of the ratios, by class and over all convolutions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import geometric_mean
from typing import Any

from benchmarks.cases import CLASSES, TABLES, Case
from convpool.bench.cases import Layout
from convpool.bench.contestants import OURS
from convpool.bench.machine import counted
from convpool.bench.measure import Line

ALL = "all convolutions"
KINDS = (*CLASSES, ALL)


@dataclass(frozen=True)
class Setting:
    """Lines that belong together: a layer with batch 1 in the table belongs to both batches."""

    threads: int
    batch: str
    """A number, or "table"."""
    layout: Layout

    def __str__(self) -> str:
        batch = "the table's batches" if self.batch == "table" else f"batch {self.batch}"
        return f"{counted(self.threads)}, {batch}, {self.layout.upper()}"

    def holds(self, line: Line[Case]) -> bool:
        """Return whether a line belongs to the setting."""
        n = line.case.table_n if self.batch == "table" else int(self.batch)
        return (line.threads, line.layout, line.case.n) == (self.threads, self.layout, n)


@dataclass(frozen=True)
class Mean:
    """How much longer a peer takes than we do, over the layers of a class or over networks."""

    setting: Setting
    kind: str
    peer: str
    ours: str
    layers: int
    ratio: float
    """Geometric mean of the peer's time over ours."""
    least: float
    least_layer: str
    """Where the ratio is least."""


def means(lines: Iterable[Line[Case]], settings: Iterable[Setting]) -> list[Mean]:
    """Return the means of every setting, class, peer and way of ours that have a layer.

    The mean over all convolutions is taken over the table alone, without the rows added to it.
    """
    lines = list(lines)
    peers = list(dict.fromkeys(name for line in lines for name in line.peers))
    found = []
    for setting in settings:
        inside = [line for line in lines if setting.holds(line)]
        for kind in KINDS:
            of_kind = [line for line in inside if _belongs(line, kind)]
            for peer in peers:
                found += [
                    mean
                    for ours in OURS
                    if (mean := _mean(setting, kind, peer, ours, of_kind)) is not None
                ]
    return found


def means_from(records: Iterable[dict[str, Any]]) -> list[Mean]:
    """Return the means that a run's JSON holds."""
    return [Mean(**{**record, "setting": Setting(**record["setting"])}) for record in records]


def _belongs(line: Line[Case], kind: str) -> bool:
    if kind == ALL:
        return line.case.is_convolution and line.case.table != TABLES[1]
    return line.case.kind == kind


def _mean(
    setting: Setting, kind: str, peer: str, ours: str, lines: list[Line[Case]]
) -> Mean | None:
    ratios = {
        line.case.name: ratio for line in lines if (ratio := line.ratio(peer, ours)) is not None
    }
    return mean_of(ratios, setting, kind, peer, ours)


def mean_of(
    ratios: Mapping[str, float], setting: Setting, kind: str, peer: str, ours: str
) -> Mean | None:
    """Return the mean of the ratios of layers or networks, by their names, if there are any."""
    if not ratios:
        return None
    least = min(ratios, key=ratios.__getitem__)
    average = geometric_mean(ratios.values())
    return Mean(setting, kind, peer, ours, len(ratios), average, ratios[least], least)
