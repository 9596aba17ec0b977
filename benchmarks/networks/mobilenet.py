"""MobileNetV2: Sandler et al., "Inverted Residuals and Linear Bottlenecks" (2018)."""

from torch import Tensor, nn

from benchmarks.networks.parts import convolution, head

STAGES = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
"""Expansion, output channels, blocks and the first one's stride: the paper's table 2."""


class Inverted(nn.Module):
    """A depthwise convolution between two of 1x1, of which the second has no activation."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = expansion * inputs
        widen = _activated(inputs, wide) if expansion > 1 else []
        depthwise = _activated(wide, wide, 3, stride, groups=wide)
        self.body = nn.Sequential(*widen, *depthwise, *convolution(wide, outputs))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        """Return the body's output, with the images added where the shape stays."""
        out: Tensor = self.body(images)
        return images + out if self.adds else out


def _activated(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    return [*convolution(inputs, outputs, kernel, stride, groups), nn.ReLU6(inplace=True)]


def mobilenetv2() -> nn.Sequential:
    """Return MobileNetV2 for ImageNet, of width 1."""
    layers = _activated(3, 32, 3, 2)
    inputs = 32
    for expansion, outputs, count, stride in STAGES:
        for number in range(count):
            layers.append(Inverted(inputs, outputs, 1 if number else stride, expansion))
            inputs = outputs
    return nn.Sequential(*layers, *_activated(inputs, 1280), *head(1280, 1000, dropout=0.2))
