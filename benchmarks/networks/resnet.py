"""Residual networks: He et al., "Deep Residual Learning for Image Recognition" (2015).

With 50 layers, the stride is in a block's 3x3 convolution, as everybody has it since.
"""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from benchmarks.networks.parts import convolution, head

Block = Callable[[int, int, int], "Residual"]
"""Returns a block for input channels, width and stride."""


class Residual(nn.Module):
    """The sum of two branches, and a ReLU."""

    def __init__(self, body: Sequence[nn.Module], shortcut: Sequence[nn.Module]) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)
        self.shortcut = nn.Sequential(*shortcut)  # the input itself, if there is nothing in it
        self.relu = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        """Return relu(body + shortcut)."""
        out: Tensor = self.body(images)
        out += self.shortcut(images)
        relued: Tensor = self.relu(out)
        return relued


class Padded(nn.Module):
    """A shortcut without weights: every second pixel, and channels of zeros after its own."""

    def __init__(self, zeros: int) -> None:
        super().__init__()
        self.zeros = zeros

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, C + zeros, H / 2, W / 2) for (N, C, H, W)."""
        return nn.functional.pad(images[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.zeros))


def _pair(inputs: int, width: int, stride: int) -> list[nn.Module]:
    first, second = convolution(inputs, width, 3, stride), convolution(width, width, 3)
    return [*first, nn.ReLU(inplace=True), *second]


def basic(inputs: int, width: int, stride: int) -> Residual:
    """Return two convolutions, with a 1x1 beside them where the shape changes."""
    changes = stride > 1 or inputs != width
    shortcut = convolution(inputs, width, 1, stride) if changes else []
    return Residual(_pair(inputs, width, stride), shortcut)


def padded(inputs: int, width: int, stride: int) -> Residual:
    """Return two convolutions, with a shortcut that has no weights (the paper's option A)."""
    return Residual(_pair(inputs, width, stride), [Padded(width - inputs)] if stride > 1 else [])


def bottleneck(inputs: int, width: int, stride: int) -> Residual:
    """Return a 3x3 convolution between two of 1x1; four times the width goes out."""
    outputs = 4 * width
    narrow = [*convolution(inputs, width), nn.ReLU(inplace=True)]
    middle = [*convolution(width, width, 3, stride), nn.ReLU(inplace=True)]
    body = [*narrow, *middle, *convolution(width, outputs)]
    changes = stride > 1 or inputs != outputs
    return Residual(body, convolution(inputs, outputs, 1, stride) if changes else [])


def _stages(block: Block, expansion: int, width: int, counts: Sequence[int]) -> list[nn.Module]:
    """Return stages of blocks, each after the first of twice the width and half the side."""
    blocks: list[nn.Module] = []
    inputs = width
    for stage, count in enumerate(counts):
        for number in range(count):
            blocks.append(block(inputs, width << stage, 2 if stage and not number else 1))
            inputs = expansion * (width << stage)
    return blocks


def _for_imagenet(block: Block, expansion: int, counts: Sequence[int]) -> nn.Sequential:
    stem = [*convolution(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    stages = _stages(block, expansion, 64, counts)
    return nn.Sequential(*stem, *stages, *head(expansion * 512, 1000))


def resnet18() -> nn.Sequential:
    """Return ResNet-18 for ImageNet."""
    return _for_imagenet(basic, 1, (2, 2, 2, 2))


def resnet50() -> nn.Sequential:
    """Return ResNet-50 for ImageNet."""
    return _for_imagenet(bottleneck, 4, (3, 4, 6, 3))


def resnet20() -> nn.Sequential:
    """Return ResNet-20 for CIFAR-10."""
    stem = [*convolution(3, 16, 3), nn.ReLU(inplace=True)]
    return nn.Sequential(*stem, *_stages(padded, 1, 16, (3, 3, 3)), *head(64, 10))
