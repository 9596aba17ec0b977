"""A small net for CIFAR-10, trained on part of one split and tested on the rest of it.

    python examples/cifar10_train.py --data-dir data --logdir logs
    python examples/cifar10_train.py --data-dir data --logdir logs --resume
    torchrun --nproc-per-node 2 examples/cifar10_train.py --data-dir data --logdir logs

The event files, the checkpoint and the last figures (`result.json`) are in the log folder. All
random numbers of an epoch come from the seed and its number, so a run that is resumed ends as one
that wasn't stopped. With several processes each takes its share of every batch.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from convpool import nn
from convpool.board import Board
from convpool.files import write_whole
from convpool.images.cifar10 import CLASSES, Cifar10
from convpool.pictures import tile_maps

SHIFT = 4  # pixels, the usual augmentation for CIFAR-10 together with flips
MEAN, DEVIATION = (0.491, 0.482, 0.447), (0.247, 0.243, 0.262)
"""Of the red, green and blue of CIFAR-10's training images."""


@dataclass(frozen=True)
class Images:
    """Images float32 (N, 3, 32, 32), normalised, and their classes int64 (N)."""

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def net(room: Any, width: int) -> torch.nn.Sequential:
    """Return the net, its layers from `convpool.nn` or `torch.nn`; 152,482 parameters at 24."""

    def block(inputs: int, outputs: int, kernel: int = 3) -> list[torch.nn.Module]:
        convolution = room.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        return [convolution, room.BatchNorm2d(outputs), room.ReLU()]

    return torch.nn.Sequential(
        *block(3, width, 5),
        room.MaxPool2d(2),
        *block(width, 2 * width),
        room.MaxPool2d(2),
        *block(2 * width, 4 * width),
        *block(4 * width, 4 * width),
        room.MaxPool2d(2),
        room.Flatten(),
        room.Dropout(0.2),
        room.Linear(4 * width * 16, len(CLASSES)),
    )


def read(options: argparse.Namespace) -> tuple[Images, Images]:
    """Return the images to train on, and those held out: the split's first ones and its last."""
    source = Cifar10(options.data_dir, options.split)
    if options.train + options.held_out > len(source):
        raise SystemExit(f"error: the split {options.split} has {len(source):,} images in all")
    batch = next(source.batches(len(source)))
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
    pixels = (torch.from_numpy(batch.images) - mean) / deviation
    labels = torch.from_numpy(source.labels).long()
    first, last = slice(0, options.train), slice(len(source) - options.held_out, None)
    return Images(pixels[first], labels[first]), Images(pixels[last], labels[last])


def augmented(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images, some of them mirrored, all of them shifted by some pixels."""
    count, _, height, width = pixels.shape
    padded = F.pad(pixels, (SHIFT, SHIFT, SHIFT, SHIFT), mode="reflect")
    down, across = torch.randint(2 * SHIFT + 1, (2, count, 1), generator=generator)
    mirrored = torch.rand(count, 1, generator=generator) < 0.5
    columns = torch.arange(width).expand(count, width)
    columns = across + torch.where(mirrored, columns.flip(1), columns)
    rows = down + torch.arange(height)
    image = torch.arange(count).view(-1, 1, 1)
    return padded[image, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True)
class Place:
    """Which process this is, and of how many."""

    rank: int
    world: int

    def share(self, batch: Tensor) -> Tensor:
        """Return this process's part of a batch."""
        return batch[self.rank :: self.world]


class Training:
    """A net with what changes while it learns."""

    def __init__(self, options: argparse.Namespace, place: Place, data: Images) -> None:
        torch.manual_seed(options.seed)
        self.options, self.place, self.data = options, place, data
        self.net = net(nn if options.backend == "convpool" else torch.nn, options.width)
        self.epoch = 0
        self.batches = len(data) // options.batch_size
        rate, decay = options.rate, 5e-4
        self.optimizer = torch.optim.SGD(
            self.net.parameters(), rate, momentum=0.9, weight_decay=decay, nesterov=True
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, total_steps=self.batches * options.epochs, pct_start=0.3
        )

    def train(self, step: Callable[[], None]) -> float:
        """Go once through the images; return the mean of the batches' losses on this process."""
        options = self.options
        total = 0.0
        learner = self.net.train()
        if self.place.world > 1:
            learner = torch.nn.parallel.DistributedDataParallel(self.net)  # type: ignore[assignment]
        for number, chosen in enumerate(self._order()):
            drawn = torch.Generator().manual_seed(hash((options.seed, self.epoch, number)))
            mine = self.place.share(chosen)
            images = self.place.share(augmented(self.data.pixels[chosen], drawn))
            torch.manual_seed(hash((options.seed, self.epoch, number, self.place.rank)))  # dropout
            self.optimizer.zero_grad()
            loss = F.cross_entropy(learner(images), self.data.labels[mine], label_smoothing=0.1)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.schedule.step()
            total += loss.item()
            step()
        self.epoch += 1
        return float(total / self.batches)

    def _order(self) -> Iterator[Tensor]:
        drawn = torch.Generator().manual_seed(hash((self.options.seed, self.epoch)))
        order = torch.randperm(len(self.data), generator=drawn)
        size = self.options.batch_size
        return (order[number * size : (number + 1) * size] for number in range(self.batches))

    def accuracy(self, held_out: Images) -> float:
        """Return the share of the held-out images whose class the net tells."""
        self.net.eval()
        with torch.no_grad():
            told = torch.cat(
                [self.net(part).argmax(1) for part in torch.split(held_out.pixels, 500)]
            )
        right = int((told == held_out.labels).sum())
        return right / len(held_out)

    def save(self, file: Path) -> None:
        """Write everything that going on needs, whole or not at all."""
        beside = file.with_suffix(".new")
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        torch.save({"epoch": self.epoch, **parts}, beside)
        beside.replace(file)

    def load(self, file: Path) -> None:
        """Go on from where `save` was called."""
        if not file.is_file():
            raise SystemExit(f"error: nothing to resume: {file} doesn't exist")
        state = torch.load(file, weights_only=True)
        self.epoch = state["epoch"]
        for name, part in self._parts().items():
            part.load_state_dict(state[name])

    def _parts(self) -> dict[str, Any]:
        return {"net": self.net, "optimizer": self.optimizer, "schedule": self.schedule}


def learn(options: argparse.Namespace, place: Place) -> None:
    """Train for the epochs that are left; the first process writes and tells."""
    data, held_out = read(options)
    training = Training(options, place, data)
    checkpoint = options.logdir / "checkpoint.pt"
    if options.resume:
        training.load(checkpoint)
    leads = place.rank == 0
    bar = Progress(
        TextColumn("epoch {task.fields[epoch]}/{task.fields[epochs]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        disable=not leads,
    )
    first, epochs = training.epoch, options.epochs
    task = bar.add_task("", total=training.batches * epochs, epoch=first, epochs=epochs)
    bar.update(task, completed=training.batches * first)
    board: AbstractContextManager[Board | None] = Board(options.logdir) if leads else nullcontext()
    start = time.monotonic()
    with board as open_board, bar:
        while training.epoch < epochs:
            bar.update(task, epoch=training.epoch + 1)
            loss = training.train(lambda: bar.advance(task))
            if open_board is None:
                continue
            seconds = time.monotonic() - start
            accuracy = training.accuracy(held_out)
            show(open_board, training, {"loss": loss, "accuracy": accuracy, "seconds": seconds})
            training.save(checkpoint)
            told = f"epoch {training.epoch}: loss {loss:.3f}, held-out accuracy {accuracy:.1%}"
            bar.console.print(f"{told}, {seconds:.0f} s")
            done = {"epoch": training.epoch, "loss": loss, "accuracy": accuracy, "seconds": seconds}
            result = {**done, "backend": options.backend, "processes": place.world}
            write_whole(options.logdir / "result.json", f"{json.dumps(result)}\n".encode())


def show(board: Board, training: Training, figures: dict[str, float]) -> None:
    """Write the figures of an epoch, the first layer's filters and some images as they are seen."""
    for name, value in figures.items():
        board.scalar(name, value, training.epoch)
    board.scalar("rate", float(training.schedule.get_last_lr()[0]), training.epoch)
    filters = next(training.net.parameters()).detach().numpy()
    board.images("filters", tile_maps(filters), training.epoch)
    drawn = torch.Generator().manual_seed(training.epoch)
    seen = augmented(training.data.pixels[:64], drawn).numpy()
    board.images("augmented", tile_maps(seen), training.epoch)


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    add = parser.add_argument
    add("--data-dir", type=Path, default=Path("data"), help="the folder with CIFAR-10's files")
    add("--split", choices=("test", "train"), default="test", help="the part that is read")
    add("--train", type=int, default=8000, help="images to train on, the split's first ones")
    add("--held-out", type=int, default=2000, help="images to test on, the split's last ones")
    add("--epochs", type=int, default=14, help="times that the images are gone through")
    add("--batch-size", type=int, default=64, help="images a step, of all processes together")
    add("--rate", type=float, default=0.1, help="the highest learning rate of the cycle")
    add("--width", type=int, default=24, help="filters of the first layer")
    add("--seed", type=int, default=0, help="of all random numbers")
    add("--backend", choices=("convpool", "torch"), default="convpool", help="whose layers")
    add("--logdir", type=Path, required=True, help="for events, checkpoint and result.json")
    add("--resume", action="store_true", help="go on from the log folder's checkpoint")
    options = parser.parse_args(arguments)
    for name in ("train", "held_out", "epochs", "batch_size", "width"):
        if getattr(options, name) < 1:
            parser.error(f"--{name.replace('_', '-')} is {getattr(options, name)}, but must be > 0")
    if options.batch_size > options.train:
        parser.error(f"--batch-size must be at most --train, which is {options.train}")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Train in this process, or as one of those that `torchrun` started."""
    options = parsed(arguments)
    options.logdir.mkdir(parents=True, exist_ok=True)
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        learn(options, Place(0, 1))
        return
    torch.distributed.init_process_group("gloo")
    try:
        learn(options, Place(torch.distributed.get_rank(), world))
    finally:
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
