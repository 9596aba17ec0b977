"""A chain of layers as the net of a run."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from convpool.arithmetic import ChainReport, chain_record, chain_report
from convpool.notation import parse_net, shape_text
from convpool.runs.forward import Array, check_unpooling, forward
from convpool.runs.net import Output, Values
from convpool.spec import LayerSpec
from convpool.weights import (
    LayerWeights,
    NetWeights,
    edge_weights,
    load_weights,
    random_weights,
)


class ChainNet:
    """Layers, one after the other, with their weights.

    Args:
        net: layers, as values or as text; empty for the default net.
        image_shape: (C, H, W) of the images.
        weights: "edges", "random" or the path of an .npz file.
        seed: for random weights.

    Raises:
        ArgumentError: a layer can't be read, or can't take what reaches it, or the weights don't
            fit.
        DataError: the weights can't be read.
    """

    def __init__(
        self,
        net: Iterable[str | LayerSpec],
        image_shape: Sequence[int],
        weights: str | os.PathLike[str],
        seed: int,
    ) -> None:
        self.report = plan_chain(net, image_shape)
        layers = [layer.layer for layer in self.report.layers]
        self.weights = str(weights)
        self._arrays = choose_weights(layers, weights, seed)
        names = [f"layer{place}-{layer.name}" for place, layer in enumerate(layers, start=1)]
        self._tags = (*names[:-1], "output")

    @property
    def first_layer(self) -> tuple[LayerSpec, LayerWeights | None]:
        """The first layer and its weights."""
        return self.report.layers[0].layer, self._arrays[0]

    def forward(self, images: Array) -> list[Output]:
        """Return the output of each layer, in order."""
        made = forward(self.report, self._arrays, images)
        return [
            Output(tag, str(layer.layer), maps)
            for tag, layer, maps in zip(self._tags, self.report.layers, made, strict=True)
        ]

    def table(self) -> str:
        """Return the report as a Markdown table."""
        rows = [
            f"| {place} | `{layer.layer}` | {shape_text(layer.output_shape)} "
            f"| {layer.parameters:,} | {layer.macs:,} |"
            for place, layer in enumerate(self.report.layers, start=1)
        ]
        return "\n".join(["| | layer | output | parameters | MACs |", "|-|-|-|-|-|", *rows])

    def record(self, values: Mapping[str, Values]) -> dict[str, Any]:
        """Return the report with each layer's values."""
        record = chain_record(self.report)
        for tag, layer in zip(self._tags, record["layers"], strict=True):
            layer["values"] = values[tag].record
        return record


def plan_chain(net: Iterable[str | LayerSpec], image_shape: Sequence[int]) -> ChainReport:
    """Return the report of a chain on images (C, H, W); an empty one means the default net."""
    report = chain_report(parse_net(list(net) or default_net(image_shape)), image_shape)
    check_unpooling(report)
    return report


def default_net(image_shape: Sequence[int]) -> tuple[str, ...]:
    """Return the layers of a run that names none: an edge filter bank, then max pooling.

    Example:
        >>> default_net((3, 32, 32))[1]
        'MaxPool2d(3, ceil_mode=True)'
    """
    edges = f"Conv2d({image_shape[-3]}, 8, 5, padding=2, bias=False, padding_mode='replicate')"
    return edges, "MaxPool2d(3, ceil_mode=True)"


def choose_weights(
    layers: Sequence[LayerSpec], weights: str | os.PathLike[str], seed: int
) -> NetWeights:
    """Return the weights that the argument `weights` of `run` names."""
    if weights == "edges":
        return edge_weights(layers)
    if weights == "random":
        return random_weights(layers, seed)
    return load_weights(layers, weights)
