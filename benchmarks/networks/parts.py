"""What several families are made of."""

from torch import nn


def convolution(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    """Return a convolution that keeps a side's pixels, or the stride's part, and its norm."""
    layer = nn.Conv2d(
        inputs, outputs, kernel, stride, padding=kernel // 2, groups=groups, bias=False
    )
    return [layer, nn.BatchNorm2d(outputs)]


def head(channels: int, classes: int, dropout: float = 0.0) -> list[nn.Module]:
    """Return the mean over the plane and the classifier."""
    drop = [nn.Dropout(dropout)] if dropout else []
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), *drop, nn.Linear(channels, classes)]
