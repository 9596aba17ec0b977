"""Networks to be timed whole: PyTorch's modules alone, in their published forms."""

from collections.abc import Callable
from dataclasses import dataclass

from torch.nn import Module

from benchmarks.networks.example import example_cnn
from benchmarks.networks.mobilenet import mobilenetv2
from benchmarks.networks.resnet import resnet18, resnet20, resnet50
from benchmarks.networks.vgg import vgg16
from convpool.errors import ArgumentError

IMAGENET, CIFAR10 = "ImageNet", "CIFAR-10"
SIDES = {IMAGENET: 224, CIFAR10: 32}
"""Pixels of an image's side."""
CLASSES = {IMAGENET: 1000, CIFAR10: 10}


@dataclass(frozen=True)
class Network:
    """A network, and what its images are like."""

    name: str
    data: str
    make: Callable[[], Module]
    """Returns it in training, with PyTorch's initial weights."""

    def shape(self, batch: int) -> tuple[int, int, int, int]:
        """Return (N, 3, H, W) of a batch of its images."""
        return batch, 3, SIDES[self.data], SIDES[self.data]


NETWORKS = (
    Network("resnet18", IMAGENET, resnet18),
    Network("resnet50", IMAGENET, resnet50),
    Network("vgg16", IMAGENET, vgg16),
    Network("mobilenetv2", IMAGENET, mobilenetv2),
    Network("resnet20", CIFAR10, resnet20),
    Network("example-cnn", CIFAR10, example_cnn),
)


def select(match: str = "", data: str | None = None) -> list[Network]:
    """Return the networks with the text in name or data, whatever its case, for such data alone.

    Raises:
        ArgumentError: there is none.
    """
    among = [network for network in NETWORKS if data in (None, network.data)]
    chosen = [each for each in among if match.lower() in f"{each.name},{each.data}".lower()]
    if not chosen:
        names = ", ".join(network.name for network in among)
        raise ArgumentError("--match", match, f"part of one of {names}, or of their data")
    return chosen
