"""What a run needs to know of a net, whatever it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import ChainReport, NetReport
from convpool.spec import LayerSpec
from convpool.weights import LayerWeights

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Output:
    """What one layer made of a batch."""

    tag: str
    """What it is filed under in TensorBoard; the same in each batch, "output" for the net's own."""
    heading: str
    """What stands above it on the contact sheet."""
    maps: Array
    """(N, C, H, W)."""


@dataclass(frozen=True)
class Values:
    """Smallest, largest and mean value of a layer's outputs over a run."""

    lowest: float
    highest: float
    mean: float

    @property
    def record(self) -> dict[str, float | str]:
        """They as JSON can hold them: NaN and infinity as text."""
        numbers = {"min": self.lowest, "max": self.highest, "mean": self.mean}
        return {
            name: value if np.isfinite(value) else str(value) for name, value in numbers.items()
        }


class Net(Protocol):
    """A net that images can be sent through."""

    @property
    def report(self) -> ChainReport | NetReport:
        """Sizes and cost, layer by layer."""

    @property
    def weights(self) -> str:
        """Where the weights come from, in a word."""

    @property
    def first_layer(self) -> tuple[LayerSpec, LayerWeights | None]:
        """The layer that meets the images, for the animation; ArgumentError if it isn't one."""

    def forward(self, images: Array) -> Sequence[Output]:
        """Return what layers make of images (N, C, H, W), the net's own output last."""

    def table(self) -> str:
        """Return the report as a Markdown table."""

    def record(self, values: Mapping[str, Values]) -> dict[str, Any]:
        """Return the report with the values of each output, by tag, for summary.json."""
