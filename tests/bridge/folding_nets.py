"""Small nets to fold, and what is left of them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

from convpool import fold
from convpool.nn.folding import TOLERANCE
from convpool.nn.swapping import Report

SAMPLE = torch.randn(1, 4, 8, 8)
IMAGES = torch.randn(3, 4, 8, 8)
Forward = Callable[[Any, Tensor], Tensor]


class Net(nn.Module):
    """A function of images, and the modules that it calls."""

    def __init__(self, function: Forward, **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def net(function: Forward, **parts: nn.Module) -> Any:
    """Return a net in evaluation, with a `conv` and a `norm` whose statistics aren't 0 and 1."""
    parts = {"conv": nn.Conv2d(4, 4, 3, padding=1), "norm": nn.BatchNorm2d(4)} | parts
    for part in parts.values():
        for norm in part.modules():
            if isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None:
                nn.init.normal_(norm.get_buffer("running_mean"))
                nn.init.uniform_(norm.running_var, 0.5, 2)
                if norm.affine:
                    nn.init.uniform_(norm.weight, 0.5, 2)
                    nn.init.normal_(norm.bias)
    return Net(function, **parts).eval()


def folded(model: nn.Module, sample: Tensor = SAMPLE, images: Tensor = IMAGES) -> Report:
    """Return the report, after comparing the outputs with and without gradients."""
    report = fold(model, sample)
    for mode in (torch.enable_grad, torch.no_grad):
        with mode():
            check_equal(report.model, model, images)
            check_equal(report.model, model, images)  # by the weights that are kept now
    return report


def check_equal(one: nn.Module, other: nn.Module, images: Tensor) -> None:
    """Compare what two models make of the same images."""
    found, expected = one(images.clone()), other(images.clone())
    assert (found - expected).abs().max() <= TOLERANCE * expected.abs().max()


def calls(model: fx.GraphModule) -> list[str]:
    """Return what a traced model calls, in order."""
    nodes = [node for node in model.graph.nodes if node.op.startswith("call")]
    names = {name: type(module).__name__ for name, module in model.named_modules()}
    return [
        names[node.target]
        if node.op == "call_module"
        else getattr(node.target, "__name__", node.target)
        for node in nodes
    ]


NORMED: dict[str, Forward] = {
    "alone": lambda self, x: self.conv(x),
    "normed": lambda self, x: self.norm(self.conv(x)),
}
