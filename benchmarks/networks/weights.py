"""Random weights that keep the numbers in a network in scale, as those that were learnt do.

With PyTorch's initial ones each layer of VGG-16 makes them 2.4 times smaller, and its outputs hang
on the last biases: those for two images differ by 3e-5 of the largest (measured), so that a wrong
convolution wouldn't be noticed in them.
"""

import torch
from torch import nn

from benchmarks.networks import Network

IMAGES = 2
"""Of the batch whose mean and variance the norms remember."""


def settled(network: Network) -> nn.Module:
    """Return a network in evaluation, with the same random weights on every call."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = network.make()
        for part in model.modules():
            _draw(part)
        norms = [part for part in model.modules() if isinstance(part, nn.BatchNorm2d)]
        usual = [norm.momentum for norm in norms]
        for norm in norms:
            norm.momentum = 1.0  # of what was, nothing stays
        model.train()(torch.randn(network.shape(IMAGES)))
        for norm, momentum in zip(norms, usual, strict=True):
            norm.momentum = momentum
    return model.eval()


def _draw(part: nn.Module) -> None:
    if isinstance(part, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        if part.bias is not None:
            nn.init.normal_(part.bias, std=0.1)
    elif isinstance(part, nn.BatchNorm2d):
        nn.init.uniform_(part.weight, 0.5, 1.5)
        nn.init.normal_(part.bias, std=0.1)
