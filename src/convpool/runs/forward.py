"""Images through a chain of layers, every layer's output kept."""

from typing import Any

from numpy.typing import NDArray

from convpool import functional
from convpool.arithmetic import ChainReport
from convpool.errors import ArgumentError
from convpool.spec import MaxUnpool2dSpec
from convpool.weights import NetWeights

Array = NDArray[Any]


def forward(report: ChainReport, weights: NetWeights, images: Array) -> tuple[Array, ...]:
    """Return the output of each layer, in order, for images (N, C, H, W).

    Example:
        >>> import numpy as np
        >>> from convpool.arithmetic import chain_report
        >>> from convpool.notation import parse_net
        >>> layers = parse_net(["MaxPool2d(2, return_indices=True)", "MaxUnpool2d(2)"])
        >>> report = chain_report(layers, (1, 2, 2))
        >>> pooled, restored = forward(report, (None, None), np.array([[[[1, 2], [4, 3]]]]))
        >>> restored[0, 0]
        array([[0, 0],
               [4, 0]])
    """
    outputs: list[Array] = []
    indices: dict[int, Array] = {}
    current = images
    for number, (layer, arrays) in enumerate(zip(report.layers, weights, strict=True)):
        if isinstance(layer.layer, MaxUnpool2dSpec):
            pooled = None if layer.pooled_by is None else indices[layer.pooled_by]
            plane = layer.output_shape[-2:]
            current = functional.apply(layer.layer, current, indices=pooled, output_size=plane)
        elif arrays is not None:
            current = functional.apply(layer.layer, current, arrays.weight, arrays.bias)
        else:
            current = functional.apply(layer.layer, current)
        if isinstance(current, tuple):
            current, indices[number] = current
        outputs.append(current)
    return tuple(outputs)


def check_unpooling(report: ChainReport) -> None:
    """Refuse a chain with an unpooling that has no pooling to undo.

    Raises:
        ArgumentError: naming the layer.
    """
    for number, layer in enumerate(report.layers, start=1):
        if isinstance(layer.layer, MaxUnpool2dSpec) and layer.pooled_by is None:
            raise ArgumentError(
                f"layer {number}",
                layer.layer,
                "preceded by a MaxPool2d(..., return_indices=True) of its own to undo",
            )
