"""Networks in training: a whole step, by PyTorch's layers and by convpool's in their place."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import cross_entropy

from benchmarks.contest import Score, Trial, score_of, using_threads
from benchmarks.networks import CLASSES
from benchmarks.networks.weights import settled
from benchmarks.peers import Run
from benchmarks.race import Pace
from benchmarks.task import as_arrays
from convpool.nn.swapping import accelerate

TOLERANCE = 1e-3
"""Error, of the largest number in a tensor, above which a loss or gradient is wrong."""
RATE = 1e-4
"""So small that the network doesn't learn its one batch by heart while it is timed."""
CONTESTANTS = ("torch", "accelerated")


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
            if name != "torch":
                accelerate(own)
            runs[name] = step(own, images, labels)
        return score_of(trial, runs, expected, TOLERANCE, pace)


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
