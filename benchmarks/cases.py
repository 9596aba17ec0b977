"""The layers to be fast on: rows of the tables beside this file, their classes and their work."""

import csv
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields, replace
from math import prod
from pathlib import Path
from typing import Any, Literal

from convpool.arithmetic import macs, output_shape
from convpool.errors import ArgumentError
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec, MaxPool2dSpec

FOLDER = Path(__file__).parent
TABLES = ("layers.csv", "more_layers.csv")
"""The table that figures are given over, and rows for the classes that it lacks."""
CONVOLUTIONS = ("conv2d", "conv_transpose2d")
OPERATIONS = (*CONVOLUTIONS, "max_pool2d", "max_pool2d_with_indices")
CLASSES = (
    *("3x3 s1", "1x1", "strided", "depthwise", "grouped", "dilated", "first layer", "other conv"),
    *("transposed", "pooling", "pooling with indices"),
)
"""In the order in which they are printed."""
Layout = Literal["nchw", "nhwc"]
LAYOUTS: tuple[Layout, ...] = ("nchw", "nhwc")
"""How memory is ordered; the shape is (N, C, H, W) in both."""


@dataclass(frozen=True)
class Case:
    """One row of a table: a layer and the images that it gets. Element type is float32."""

    net: str
    layer: str
    op: str
    n: int
    c_in: int
    h: int
    w: int
    c_out: int
    kh: int
    kw: int
    stride: int
    pad_h: int
    pad_w: int
    dilation: int
    groups: int
    count: int
    """How often the net has this layer."""
    table: str = TABLES[0]
    table_n: int = 1
    """The table's batch, of which `n` may be another."""
    backward: bool = False
    """Whether a convolution's gradients are made, by input and by weight, instead of its output;
    of max pooling, the maxima with indices and then the gradient."""

    @property
    def spec(self) -> Conv2dSpec | ConvTranspose2dSpec | MaxPool2dSpec:
        """The layer as a value."""
        kernel, pads = (self.kh, self.kw), (self.pad_h, self.pad_w)
        if self.op not in CONVOLUTIONS:
            indices = self.op == "max_pool2d_with_indices"
            return MaxPool2dSpec(kernel, self.stride, pads, self.dilation, indices)
        kind = Conv2dSpec if self.op == "conv2d" else ConvTranspose2dSpec
        return kind(
            self.c_in,
            self.c_out,
            kernel,
            stride=self.stride,
            padding=pads,
            dilation=self.dilation,
            groups=self.groups,
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The input's shape (N, C, H, W)."""
        return self.n, self.c_in, self.h, self.w

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The output's shape (N, C, H, W)."""
        return output_shape(self.spec, self.shape)

    @property
    def name(self) -> str:
        """Net and layer, as `--match` and the printed tables have them."""
        return f"{self.net},{self.layer}"

    @property
    def is_convolution(self) -> bool:
        """Whether the layer multiplies and adds; pooling moves memory."""
        return self.op in CONVOLUTIONS

    @property
    def kind(self) -> str:
        """The class of `CLASSES` that the layer belongs to: the first that fits."""
        if self.op not in CONVOLUTIONS:
            return "pooling with indices" if self.op.endswith("indices") else "pooling"
        rules = {
            "transposed": self.op == "conv_transpose2d",
            "first layer": self.c_in <= 4,
            "depthwise": self.groups == self.c_in,
            "grouped": self.groups > 1,
            "dilated": self.dilation > 1,
            "strided": self.stride > 1,
            "1x1": (self.kh, self.kw) == (1, 1),
            "3x3 s1": (self.kh, self.kw) == (3, 3),
        }
        return next((kind for kind, fits in rules.items() if fits), "other conv")

    @property
    def output_bytes(self) -> int:
        """Bytes of the maxima or sums; indices are 8 bytes more each."""
        return 4 * prod(self.output_shape)

    @property
    def work(self) -> int:
        """What a rate counts: operations of a convolution (two a MAC), bytes that pooling moves."""
        spec, times = self.spec, 2 if self.backward else 1
        if not isinstance(spec, MaxPool2dSpec):
            return times * 2 * macs(spec, self.shape)
        moved = 4 * prod(self.shape) + self.output_bytes * (3 if spec.return_indices else 1)
        return times * moved

    def with_batch(self, n: int) -> "Case":
        """Return the layer on another number of images."""
        return replace(self, n=n)


def read_table(path: Path) -> list[Case]:
    """Return the rows of a table; max pooling comes twice, with indices and without.

    Raises:
        ArgumentError: a column is missing, or a cell cannot be what it holds.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        columns = [field for field in fields(Case) if field.default is MISSING]
        missing = {column.name for column in columns} - set(reader.fieldnames or ())
        if missing:
            raise ArgumentError(f"{path.name}'s columns", reader.fieldnames, f"with {missing}")
        cases = []
        for row in reader:
            where = f"line {reader.line_num} of {path.name}"
            values: dict[str, Any] = {name: row[name] for name in ("net", "layer", "op")}
            if values["op"] not in OPERATIONS:
                raise ArgumentError(f"op in {where}", values["op"], f"one of {OPERATIONS}")
            for column in columns:
                if column.name not in values:
                    argument = f"{column.name} in {where}"
                    values[column.name] = _number(argument, row[column.name])
            case = Case(**values, table=path.name, table_n=values["n"])
            cases.append(case)
            if case.op == "max_pool2d":
                cases.append(replace(case, op="max_pool2d_with_indices"))
    return cases


def _number(argument: str, text: str | None) -> int:
    if text is None or not text.isdecimal():
        raise ArgumentError(argument, text, "a whole number")
    return int(text)


def all_cases() -> list[Case]:
    """Return the rows of both tables, with the tables' batches."""
    return [case for table in TABLES for case in read_table(FOLDER / table)]


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
        replace(case, n=n, table_n=n, backward=True)
        for n in batches
        for case in cases
        if case.op != "max_pool2d"
    ]
