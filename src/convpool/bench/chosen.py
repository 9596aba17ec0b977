"""Which layers are measured: those that are given, or a standard choice."""

from collections.abc import Sequence

from convpool.arithmetic import chain_report
from convpool.bench.cases import Case
from convpool.notation import parse_layer
from convpool.spec import LayerSpec

STANDARD = (
    ("Conv2d(3, 64, 7, stride=2, padding=3)", (3, 224, 224)),
    ("Conv2d(64, 64, 3, padding=1)", (64, 56, 56)),
    ("Conv2d(128, 128, 3, padding=1)", (128, 28, 28)),
    ("Conv2d(512, 512, 3, padding=1)", (512, 7, 7)),
    ("Conv2d(128, 256, 3, stride=2, padding=1)", (128, 28, 28)),
    ("Conv2d(64, 256, 1)", (64, 56, 56)),
    ("Conv2d(1024, 256, 1)", (1024, 14, 14)),
    ("Conv2d(192, 192, 3, padding=1, groups=192)", (192, 28, 28)),
    ("Conv2d(32, 32, 5, padding=2)", (32, 32, 32)),
    ("ConvTranspose2d(128, 64, 2, stride=2)", (128, 28, 28)),
    ("MaxPool2d(3, 2, 1)", (64, 112, 112)),
    ("AvgPool2d(2)", (128, 56, 56)),
)
"""Layers of the networks in use, one or two of each class, with the images (C, H, W) they get."""


def standard_cases(batch: int) -> list[Case]:
    """Return the layers that are measured where none are given."""
    return [Case(parse_layer(text), (batch, *image)) for text, image in STANDARD]


def chain_cases(layers: Sequence[LayerSpec], shape: Sequence[int]) -> list[Case]:
    """Return the layers of a chain with the shapes that reach them.

    Args:
        layers: in order.
        shape: (N, C, H, W) of the first one's input.

    Raises:
        ArgumentError: a layer can't take the shape that reaches it.
    """
    report = chain_report(layers, shape)
    return [Case(layer.layer, layer.input_shape) for layer in report.layers]
