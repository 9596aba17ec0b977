"""A module over CIFAR-10 by a DataLoader, its input and output in TensorBoard, batch by batch.

    python examples/tutorial.py --data-dir data --logdir logs
    tensorboard --logdir logs --samples_per_plugin images=157

It is the program with which the layers are usually met, written for PyTorch; only its imports are
others: the layers from `convpool.nn`, the pictures by `convpool.board` and `convpool.pictures`.
`convpool run examples/tutorial.py:Net --data cifar10 --every-layer` does the same without a loop.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from convpool.board import Board
from convpool.images.cifar10 import Cifar10
from convpool.nn import Conv2d, MaxPool2d
from convpool.pictures import tile_maps


class Net(torch.nn.Module):
    """Six filters, then the largest value of each 3x3 window."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Conv2d(in_channels=3, out_channels=6, kernel_size=3, stride=1, padding=0)
        self.maxpool1 = MaxPool2d(kernel_size=3, ceil_mode=True)

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, 6, 10, 10) for (N, 3, 32, 32)."""
        pooled: Tensor = self.maxpool1(self.conv1(images))
        return pooled


class Cifar(Dataset[tuple[Tensor, int]]):
    """The images of a split, float32 (3, 32, 32) in 0..1, with their classes."""

    def __init__(self, data_dir: Path, split: str) -> None:
        source = Cifar10(data_dir, "train" if split == "train" else "test")
        self.images = torch.from_numpy(next(source.batches(len(source))).images)
        self.labels = source.labels.tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], self.labels[index]


def main(arguments: list[str] | None = None) -> None:
    """Send the images through the net; write a picture of each batch and of its output."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--split", choices=("test", "train"), default="test")
    parser.add_argument("--logdir", type=Path, default=Path("logs"))
    parser.add_argument("--limit", type=int, default=None, help="images at most")
    options = parser.parse_args(arguments)

    torch.manual_seed(0)
    dataset: Dataset[tuple[Tensor, int]] = Cifar(options.data_dir, options.split)
    if options.limit is not None:
        dataset = torch.utils.data.Subset(dataset, range(options.limit))
    loader = DataLoader(dataset, batch_size=64)
    net = Net().eval()
    with Board(options.logdir) as board, torch.no_grad():
        for step, (images, _labels) in enumerate(loader):
            output = net(images)
            board.images("input", tile_maps(images.numpy(), shortest=32), step)
            board.images("output", tile_maps(output.numpy(), shortest=32), step)
    print(f"{step + 1} steps: {tuple(images.shape)} -> {tuple(output.shape)} in the last")


if __name__ == "__main__":
    main()
