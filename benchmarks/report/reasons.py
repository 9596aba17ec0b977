"""Why a peer leads on a layer, as far as it is known: kept in a table, so that reports keep it."""

import csv
from collections.abc import Iterable
from pathlib import Path

from benchmarks.cases import Case
from convpool.errors import ArgumentError

REASONS = Path(__file__).with_name("reasons.csv")
_COLUMNS = ["net", "layer", "op", "reason"]

Key = tuple[str, str, str]


def read_reasons(path: Path = REASONS) -> dict[Key, str]:
    """Return the reasons by net, layer and operation.

    Raises:
        ArgumentError: the table has other columns, or two reasons for a layer.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != _COLUMNS:
            raise ArgumentError(f"{path.name}'s columns", reader.fieldnames, f"{_COLUMNS}")
        found: dict[Key, str] = {}
        for row in reader:
            key = row["net"], row["layer"], row["op"]
            if key in found:
                raise ArgumentError(f"line {reader.line_num} of {path.name}", key, "there once")
            found[key] = row["reason"].strip()
    return found


def key_of(case: Case) -> Key:
    """Return under what a layer's reason stands."""
    return case.net, case.layer, case.op


def idle(reasons: Iterable[Key], leading: Iterable[Case]) -> list[Key]:
    """Return the reasons for layers in which no peer leads, or none any more."""
    needed = {key_of(case) for case in leading}
    return [key for key in reasons if key not in needed]
