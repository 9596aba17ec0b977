"""A net trains as with PyTorch's layers, alone and with a twin process."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import multiprocessing

from convpool import nn


def net(room: Any) -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        room.Conv2d(3, 8, 5),
        torch.nn.ReLU(),
        room.MaxPool2d(2),
        room.Conv2d(8, 8, 3, padding=1),
        room.AvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(72, 10),
    )


def trained(model: torch.nn.Module, steps: int, rank: int = 0) -> list[float]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    drawn, losses = torch.Generator().manual_seed(1 + rank), []
    for _ in range(steps):
        images = torch.randn(8, 3, 16, 16, generator=drawn)
        labels = torch.randint(10, (8,), generator=drawn)
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_the_same_losses() -> None:
    assert trained(net(nn), 12) == pytest.approx(trained(net(torch.nn), 12), rel=1e-4)


def test_checkpointing_and_gradient_accumulation() -> None:
    model, images = net(nn), torch.randn(4, 3, 16, 16)
    model(images).sum().backward()
    expected = [parameter.grad for parameter in model.parameters()]
    model.zero_grad(set_to_none=True)
    output = torch.utils.checkpoint.checkpoint_sequential(model, 3, images, use_reentrant=False)
    output.sum().backward()
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def _train_in_parallel(rank: int, meeting: str, results: Any) -> None:
    torch.distributed.init_process_group("gloo", meeting, rank=rank, world_size=2)
    torch.set_num_threads(1)
    model = torch.nn.parallel.DistributedDataParallel(net(nn))
    trained(model, 3, rank)
    results.put([parameter.detach().sum().item() for parameter in model.parameters()])
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(sys.platform == "win32", reason="gloo over the loopback")
def test_two_processes(tmp_path: Path) -> None:
    """They meet in a file, since a port that is free now may be another test's soon."""
    meeting = (tmp_path / "meeting").as_uri()
    results = multiprocessing.get_context("spawn").SimpleQueue()
    multiprocessing.spawn(_train_in_parallel, (meeting, results), nprocs=2)  # type: ignore[attr-defined]
    first, second = results.get(), results.get()
    assert first == second
    alone = net(nn)
    assert first != [parameter.detach().sum().item() for parameter in alone.parameters()]
