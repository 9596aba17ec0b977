"""The standard animations of convolution arithmetic: 15 of geometry and four with numbers.

Source: Dumoulin and Visin, A guide to convolution arithmetic for deep learning, arXiv 1603.07285,
and the animations that go with it. The numbers of the last four are those of its figures 1.1,
1.2, 1.5 and 1.6.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
)

IMAGE = ((3, 3, 2, 1, 0), (0, 0, 1, 3, 1), (3, 1, 2, 2, 3), (2, 0, 0, 2, 2), (2, 0, 0, 0, 1))
KERNEL = ((0, 1, 2), (2, 2, 0), (0, 1, 2))


@dataclass(frozen=True)
class Exhibit:
    """One animation of the gallery.

    Args:
        name: of its file, without extension.
        chapter: what it stands under.
        text: what it shows, in words.
        layer: at work.
        input: an image, or its size.
        weight: of the layer, None for numbers of our own or for a layer without.
        view: in which it is drawn.
    """

    name: str
    chapter: str
    text: str
    layer: LayerSpec
    input: Any
    weight: Any
    view: str


def exhibits() -> tuple[Exhibit, ...]:
    """Return the nineteen.

    Example:
        >>> shown = exhibits()
        >>> len(shown), shown[6].name, shown[6].text
        (19, 'padding_strides_odd', '6×6, kernel 3, stride 2, padding 1 → 3×3')
    """
    table = json.loads(files("convpool.pictures").joinpath("conv_arithmetic.json").read_text())
    return (*_convolutions(table), *_transposed(table), *_numerical(table))


def _convolutions(table: dict[str, Any]) -> Iterator[Exhibit]:
    for case in table["convolution"]:
        layer = Conv2dSpec(1, 1, case["k"], case["s"], case["p"], case["d"], bias=False)
        yield _geometric(case, "Convolution", layer, "stacked")


def _transposed(table: dict[str, Any]) -> Iterator[Exhibit]:
    for case in table["transposed"]:
        layer = ConvTranspose2dSpec(1, 1, case["k"], case["s"], case["p"], case["op"], bias=False)
        yield _geometric(case, "Transposed convolution", layer, "stuffed")


def _numerical(table: dict[str, Any]) -> Iterator[Exhibit]:
    for case in table["numerical"]:
        window = case["k"], case["s"], case["p"]
        layers: dict[str, LayerSpec] = {
            "conv": Conv2dSpec(1, 1, *window, bias=False),
            "avgpool": AvgPool2dSpec(*window),
            "maxpool": MaxPool2dSpec(*window),
        }
        layer = layers[case["op"]]
        weight = KERNEL if isinstance(layer, Conv2dSpec) else None
        yield Exhibit(
            case["name"], "With numbers", _words({**case, "op": 0}), layer, IMAGE, weight, "flat"
        )


def _geometric(case: dict[str, Any], chapter: str, layer: LayerSpec, view: str) -> Exhibit:
    size = (case["i"], case["i"])
    return Exhibit(case["name"], chapter, _words(case), layer, size, None, view)


def _words(case: dict[str, Any]) -> str:
    settings = [f"kernel {case['k']}", f"stride {case['s']}", f"padding {case['p']}"]
    if case.get("d", 1) > 1:
        settings.append(f"dilation {case['d']}")
    if case.get("op"):
        settings.append(f"output padding {case['op']}")
    return f"{case['i']}×{case['i']}, {', '.join(settings)} → {case['o']}×{case['o']}"
