"""The files that runs left: their lines again as values, told apart by what was measured."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import NETWORKS, Case, case_from
from convpool.bench.machine import Machine
from convpool.bench.measure import Line
from convpool.bench.survey import ours
from convpool.errors import ArgumentError, DataError
from convpool.precisions import FAST, STRICT


@dataclass(frozen=True)
class Figures:
    """What some runs on one machine found."""

    machine: Machine
    pace: dict[str, Any]
    limits: dict[int, dict[str, float]]
    """By threads, as `limits.limits` returns them."""
    layers: dict[str, list[Line[Case]]]
    """Forward, by precision."""
    backward: list[Line[Case]]
    contests: dict[str, list[dict[str, Any]]]
    """Lines of whole networks, by contest, as the files have them."""

    @property
    def timed(self) -> list[Line[Case]]:
        """The layers forward, in the precision that is the default, if they were timed."""
        return [line for line in self._timed if line.case.table != NETWORKS]

    @property
    def further(self) -> list[Line[Case]]:
        """Those of further networks, if they were timed."""
        return [line for line in self._timed if line.case.table == NETWORKS]

    @property
    def _timed(self) -> list[Line[Case]]:
        return [line for line in self.layers[FAST] if line.seconds]

    @property
    def threads(self) -> list[int]:
        """The thread counts of which there are times."""
        return sorted({line.threads for line in self.timed})


def read_runs(paths: Sequence[Path]) -> Figures:
    """Return what files hold.

    Where two measured the same layer, the later file counts; the first that times layers forward
    says about machine and limits.

    Args:
        paths: that `python -m benchmarks`, its `accuracy`, `backward`, `networks` and `training`
            wrote with `--json`.

    Raises:
        DataError: a file can't be read, or isn't one of these.
        ArgumentError: they come from several machines, or none has times of layers.
    """
    contents = [_content(path) for path in paths]
    machines = {content["machine"]["cpu"] for content in contents}
    if len(machines) > 1:
        raise ArgumentError("FILE", [str(path) for path in paths], f"of one machine: {machines}")
    contests: dict[str, list[dict[str, Any]]] = {}
    lines: dict[str, list[Line[Case]]] = {FAST: [], STRICT: []}
    told: dict[str, Any] | None = None
    for content in contents:
        if "contest" in content:
            contests[content["contest"]] = content["lines"]
            continue
        found = [_line(record) for record in content["lines"]]
        precision = content.get("precision", FAST)
        lines[precision] += found
        timed = any(line.seconds and not line.case.backward for line in found)
        if told is None and timed and precision == FAST:
            told = content
    if told is None:
        raise ArgumentError("FILE", [str(path) for path in paths], "such that one times layers")
    return Figures(
        machine=Machine(**told["machine"]),
        pace=told["pace"],
        limits={int(count): rates for count, rates in told["limits"].items()},
        layers={
            name: _latest(line for line in of_one if not line.case.backward)
            for name, of_one in lines.items()
        },
        backward=_latest(line for line in lines[FAST] if line.case.backward),
        contests=contests,
    )


def _content(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}") from error
    if not isinstance(content, dict) or not {"machine", "lines"} <= set(content):
        raise DataError(f"{path} isn't what python -m benchmarks --json wrote")
    return content


def _line(record: dict[str, Any]) -> Line[Case]:
    return Line(
        case=case_from(record["case"]),
        layout=record["layout"],
        threads=record["threads"],
        errors={name: float(error) for name, error in record["errors"].items()},
        seconds=record["seconds"],
        limit=record.get("limit", float("nan")),
    )


def _latest(lines: Iterable[Line[Case]]) -> list[Line[Case]]:
    """Return the last line of each case; one with times, if there is any."""
    found: dict[tuple[Case, str, int], Line[Case]] = {}
    for line in lines:
        key = line.case, line.layout, line.threads
        if line.seconds or key not in found or not found[key].seconds:
            found[key] = line
    return list(found.values())


def best_peer(line: Line[Case]) -> str | None:
    """Return the quickest of the others, if one was timed."""
    timed = [name for name in line.peers if name in line.seconds]
    return min(timed, key=line.seconds.__getitem__, default=None)


def lead(line: Line[Case], peer: str | None = None, mine: str | None = None) -> float | None:
    """Return a peer's time over ours: the best peer's, over that of weights packed once."""
    peer = best_peer(line) if peer is None else peer
    if peer is None or not line.seconds:
        return None
    return line.ratio(peer, ours(line) if mine is None else mine)
