"""The layers to be fast on: rows of the tables beside this file."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from convpool.bench import cases
from convpool.errors import ArgumentError
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvolutionSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
)

FOLDER = Path(__file__).parent
TABLES = ("layers.csv", "more_layers.csv")
"""The table that figures are given over, and rows for the classes that it lacks."""
NETWORKS = "networks.csv"
"""Layers of further networks, among which nobody chose what is fast."""
OPERATIONS = ("conv2d", "conv_transpose2d", "max_pool2d", "max_pool2d_with_indices", "avg_pool2d")
CLASSES = (
    *("3x3 s1", "1x1", "strided", "depthwise", "grouped", "dilated", "first layer", "other conv"),
    *("transposed", "pooling", "pooling with indices", "average pooling"),
)
"""In the order in which they are printed."""
_TEXTS = ("net", "layer", "op")
_NUMBERS = (
    *("n", "c_in", "h", "w", "c_out", "kh", "kw", "stride", "pad_h", "pad_w", "dilation"),
    *("groups", "count"),
)


@dataclass(frozen=True, kw_only=True)
class Case(cases.Case):
    """One row of a table: a layer of a net and the images that it gets."""

    net: str
    layer: str
    table: str = TABLES[0]
    table_n: int = 1
    """The table's batch, of which `n` may be another."""

    @property
    def name(self) -> str:
        """Net and layer, as `--match` and the printed tables have them."""
        return f"{self.net},{self.layer}"

    @property
    def record(self) -> dict[str, object]:
        """The row, as the tables have it, with what isn't in them."""
        spec = self.spec
        (pad_h, _), (pad_w, _) = spec.pads
        filters = (spec.out_channels, spec.groups) if isinstance(spec, ConvolutionSpec) else None
        c_out, groups = filters or (self.shape[1], 1)
        values = {
            "net": self.net,
            "layer": self.layer,
            "op": self.op,
            **dict(zip(("n", "c_in", "h", "w"), self.shape, strict=True)),
            "c_out": c_out,
            "kh": spec.kernel_size[0],
            "kw": spec.kernel_size[1],
            "stride": spec.stride[0],
            "pad_h": pad_h,
            "pad_w": pad_w,
            "dilation": spec.dilation[0],
            "groups": groups,
            "count": self.count,
        }
        beside = {"table": self.table, "table_n": self.table_n, "backward": self.backward}
        return {**values, **beside}


def case_from(record: Mapping[str, object]) -> Case:
    """Return the case of a record, or of a row of a table with its numbers read."""
    texts = {name: str(record[name]) for name in _TEXTS}
    numbers = {name: int(str(record[name])) for name in _NUMBERS}
    return Case(
        _spec(texts["op"], numbers),
        tuple(numbers[name] for name in ("n", "c_in", "h", "w")),
        net=texts["net"],
        layer=texts["layer"],
        count=numbers["count"],
        table=str(record["table"]),
        table_n=int(str(record["table_n"])),
        backward=bool(record["backward"]),
    )


def _spec(op: str, row: Mapping[str, int]) -> LayerSpec:
    """Return the layer of a row as a value."""
    kernel, pads = (row["kh"], row["kw"]), (row["pad_h"], row["pad_w"])
    stride, dilation = row["stride"], row["dilation"]
    if op == "avg_pool2d":
        return AvgPool2dSpec(kernel, stride, pads)
    if op in ("max_pool2d", "max_pool2d_with_indices"):
        return MaxPool2dSpec(kernel, stride, pads, dilation, op != "max_pool2d")
    kind = Conv2dSpec if op == "conv2d" else ConvTranspose2dSpec
    return kind(
        row["c_in"],
        row["c_out"],
        kernel,
        stride=stride,
        padding=pads,
        dilation=dilation,
        groups=row["groups"],
    )


def read_table(path: Path) -> list[Case]:
    """Return the rows of a table; max pooling comes twice, with indices and without.

    Raises:
        ArgumentError: a column is missing, or a cell cannot be what it holds.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = {*_TEXTS, *_NUMBERS} - set(reader.fieldnames or ())
        if missing:
            raise ArgumentError(f"{path.name}'s columns", reader.fieldnames, f"with {missing}")
        found = []
        for row in reader:
            where = f"line {reader.line_num} of {path.name}"
            if row["op"] not in OPERATIONS:
                raise ArgumentError(f"op in {where}", row["op"], f"one of {OPERATIONS}")
            numbers = {name: _number(f"{name} in {where}", row[name]) for name in _NUMBERS}
            beside = {"table": path.name, "table_n": numbers["n"], "backward": False}
            case = case_from({**row, **numbers, **beside})
            found.append(case)
            if isinstance(case.spec, MaxPool2dSpec) and not case.spec.return_indices:
                found.append(case_from({**case.record, "op": "max_pool2d_with_indices"}))
    return found


def _number(argument: str, text: str | None) -> int:
    if text is None or not text.isdecimal():
        raise ArgumentError(argument, text, "a whole number")
    return int(text)


def all_cases(tables: Iterable[str] = TABLES) -> list[Case]:
    """Return the rows of tables, with the tables' batches."""
    return [case for table in tables for case in read_table(FOLDER / table)]


def select(cases: Iterable[Case], *, batch: str = "both", match: str = "") -> list[Case]:
    """Return the cases with the text in net, layer, operation or class, for the batches asked for.

    Args:
        cases: as the tables have them.
        batch: "1", "table" or "both"; a layer whose batch is 1 in the table comes once.
        match: text as in `Case.name`, whatever its case.
    """
    chosen = []
    for case in cases:
        if match.lower() not in f"{case.name},{case.op},{case.kind}".lower():
            continue
        batches = {"1": {1}, "table": {case.n}, "both": {1, case.n}}[batch]
        chosen += [case.with_batch(n) for n in sorted(batches)]
    return chosen


def training(cases: Iterable[Case], batches: Iterable[int]) -> list[Case]:
    """Return the cases backward, of max pooling those with indices, with each of the batches."""
    return [
        replace(case.with_batch(n), table_n=n, backward=True)
        for n in batches
        for case in cases
        if case.op != "max_pool2d"
    ]
