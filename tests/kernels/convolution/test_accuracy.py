"""Rounding errors in strict precision: no larger than PyTorch's."""

import pytest
import torch

from convpool import functional as F  # noqa: N812
from convpool.bench.cases import arguments
from convpool.bench.task import error, make_task, truth
from convpool.precisions import precision
from tests.benchmarks.contestants import case_named
from tests.kernels.layouts import both_layouts

SMALL = 1.1e-6
"""Of the outputs' root mean square: good enough. PyTorch's errors vary with its threads."""


@pytest.mark.parametrize(
    "name",
    [
        "tutorial,5x5 k3 s1",
        "resnet20-cifar,stem",
        "resnet20-cifar,16-32 s2",
        "resnet50,stem 7x7 s2",
        "resnet50,l3 256-256 3x3",
        "resnet50,l4 512-512 3x3",
        "resnet50,l3 1024-256 1x1",
        "odd,k11 s4 (alexnet)",
        "mobilenetv2,dw 960 7 s1",
    ],
)
def test_errors_of_layers(name: str) -> None:
    task = make_task(case_named(name))
    exact, case = truth(task), task.case
    given = arguments(case.spec)
    images, weight, bias = map(torch.from_numpy, task.arrays)
    theirs = torch.nn.functional.conv2d(images, weight, bias, **given)
    for same in both_layouts(task.input):
        with precision("strict"):
            ours = F.conv2d(same, task.arrays[1], task.arrays[2], **given)
        assert error(ours, exact) <= max(SMALL, error(theirs, exact))
