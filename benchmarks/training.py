"""Networks in training: a whole step, by PyTorch's layers and by convpool's in their place."""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import cross_entropy

from benchmarks.contest import Check, Score, Trial, score_of
from benchmarks.networks import CLASSES
from benchmarks.networks.weights import settled
from convpool.bench.contestants import Run
from convpool.bench.models import using_threads
from convpool.bench.race import Pace
from convpool.bench.task import Array, as_arrays, error, largest
from convpool.nn.fusing import fuse
from convpool.nn.swapping import accelerate

LOSS_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 0.03
"""Of a gradient's norm. Where the input of a ReLU is within rounding of 0, or the two largest
numbers of a window of each other, float32 may fall on another side than float64, and all gradients
below follow it: in six batches of 64 PyTorch's were off by up to 0.006 (ResNet-20) and 0.008 (the
example's CNN), ours by 0.008 and 0.002, and by 5e-6 where nothing fell (measured). One row of 32
left out of a sum makes some 0.2. How much kernels round is seen in `python -m benchmarks backward`.
"""
RATE = 1e-4
"""So small that the network doesn't learn its one batch by heart while it is timed."""
CONTESTANTS = ("torch", "accelerated", "fused")


def measure(trial: Trial, names: Sequence[str], pace: Pace) -> Score:
    """Return the trial's score among contestants of these names, beside float64's gradients."""
    network = trial.network
    drawn = torch.Generator().manual_seed(1)
    images = torch.randn(network.shape(trial.batch), generator=drawn)
    labels = torch.randint(CLASSES[network.data], (trial.batch,), generator=drawn)
    model = settled(network).train()
    with using_threads(trial.threads):
        expected = as_arrays(step(deepcopy(model).double(), images.double(), labels)())
        runs: dict[str, Run] = {}
        for name in names:
            own = deepcopy(model)
            if name == "accelerated":
                accelerate(own)
            runs[name] = step(fuse(own).model if name == "fused" else own, images, labels)
        loss = Check("loss", LOSS_TOLERANCE, lambda output: error(output[0], expected[:1], largest))
        gradients = Check(
            "gradients", GRADIENT_TOLERANCE, lambda output: distance(output[1:], expected[1:])
        )
        return score_of(trial, runs, [loss, gradients], pace)


def distance(found: Sequence[Tensor], expected: Sequence[Array]) -> float:
    """Return the norm of what two gradients differ by over that of the true one, at its worst."""
    pairs = zip(as_arrays(found), expected, strict=True)
    norm = np.linalg.norm
    return float(np.max([norm(each - true) / norm(true) for each, true in pairs]))


def step(model: Module, images: Tensor, labels: Tensor) -> Run:
    """Return a call that learns from a batch, and returns the loss and all gradients.

    Dropout drops the same in each call.
    """
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD(parameters, RATE, momentum=0.9)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        state = torch.get_rng_state()

    def run() -> object:
        torch.set_rng_state(state)
        optimizer.zero_grad()
        loss = cross_entropy(model(images), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return loss.detach(), *(parameter.grad for parameter in parameters)

    return run
