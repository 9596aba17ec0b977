"""The main job: images through a chain of layers, everything to be looked at afterwards."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import convpool
from convpool.arithmetic import ChainReport, NetReport
from convpool.board import Board
from convpool.files import write_whole
from convpool.images import Batch
from convpool.pictures import ColourScale, Tiling, save_png, tile_maps
from convpool.runs.closeup import closeup
from convpool.runs.folder import claimed
from convpool.runs.net import Net, Output, Values
from convpool.runs.opening import Data, Given, open_data, open_net, steps_of
from convpool.runs.report import Shown, ValueCounter, contact_sheets, summary_json

Progress = Callable[[int, int], None]
"""Called with the images done and the images in all: when the work starts, and after each batch."""

_MAPS_A_PICTURE = 512
"""Samples of layers with many maps are left out of TensorBoard's pictures beyond this number, where
single maps would become too small to tell apart."""

_SHORTEST_MAP = 32
"""Pixels that the shorter side of a map reaches in TensorBoard, which enlarges by itself; at 48, a
run over CIFAR-10 takes a third longer, all of it for PNG and checksums."""


@dataclass(frozen=True)
class RunSummary:
    """What a run did: how much, how fast, and what came out of each layer."""

    logdir: Path
    report: ChainReport | NetReport
    images: int
    batches: int
    seconds: float
    complete: bool
    values: tuple[Values, ...]
    files: tuple[str, ...]


def run(
    net: Given,
    source: Data,
    *,
    logdir: str | os.PathLike[str] | None = None,
    batch_size: int | None = None,
    limit: int | None = None,
    weights: str | os.PathLike[str] | None = None,
    seed: int = 0,
    every_layer: bool = False,
    animate: bool = False,
    progress: Progress | None = None,
) -> RunSummary:
    """Send images through a net and write TensorBoard events, contact sheets and summary.json.

    Each batch is one step of the tags `input` and `output`, and with `every_layer` of one tag per
    layer. A layer's pictures share one colour scale, chosen from the first batch: values in 0..1
    are shown as they are, signed ones with zero at mid-grey.

    Args:
        net: layers, as values or as text such as "MaxPool2d(3)"; empty for the default net. Or a
            `torch.nn.Module`, which is run as it is, in evaluation and without gradients.
        source: where the images come from, see `convpool.images.open_source`; or a
            `torch.utils.data.Dataset` or `DataLoader` whose samples are images, or start with one.
        logdir: a new or empty folder for the results; None for the next free runs/NNN.
        batch_size: images a step; None for those of the loader, else for 64.
        limit: images at most.
        weights: of layers: "edges" (a bank of edge filters, the default), "random" (PyTorch's
            initialisation) or the path of an .npz file with arrays "0.weight", "0.bias", … by the
            layer's place in the net. A module has its own.
        seed: for random weights.
        every_layer: write the outputs of the layers, or modules, in between as well.
        animate: write animation.html: the first layer on the middle of the first image.
        progress: called with the images done and the images in all, first with none done, when
            all arguments have been found good.

    Returns:
        What was done. After Ctrl-C the results so far are kept and `complete` is False.

    Raises:
        ArgumentError, ArgumentTypeError: an argument can't work; nothing is written.
        DataError: an image can't be read, a module fails or a file can't be written; what the run
            wrote is removed.

    Example:
        >>> import tempfile
        >>> from convpool.images import open_source
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     summary = run(["MaxPool2d(2)"], open_source("sample"), logdir=folder, limit=4)
        >>> summary.images, summary.report.output_shape
        (4, (3, 32, 32))
    """
    images = open_data(source)
    size = steps_of(images, batch_size)
    opened = open_net(net, images, weights, seed, every_layer)
    if animate:
        opened.first_layer  # noqa: B018  (refused here, if it can't be shown)
    batches = images.batches(size, limit)
    total = len(images) if limit is None else min(limit, len(images))
    with claimed(logdir) as folder:
        work = _Work(opened, every_layer)
        closeups: tuple[str, ...] = ()
        if progress is not None:
            progress(0, total)
        start = time.monotonic()
        complete = True
        with Board(folder) as board:
            board.text("net", opened.table())
            try:
                for batch in batches:
                    work.step(batch, board)
                    if animate and not closeups:
                        closeups = _write_closeup(folder, work)
                    if progress is not None:
                        progress(work.images, total)
            except KeyboardInterrupt:
                if not work.steps:
                    raise
                complete = False
        seconds = time.monotonic() - start
        files = _write_results(
            folder,
            work,
            images.name,
            {
                "convpool": convpool.__version__,
                "data": images.name,
                "images": work.images,
                "batch_size": size,
                "batches": work.steps,
                "complete": complete,
                "weights": opened.weights,
                "seed": seed,
                "seconds": round(seconds, 3),
                "images_per_second": round(work.images / seconds, 1),
            },
        )
    report, values = opened.report, work.values
    return RunSummary(
        folder, report, work.images, work.steps, seconds, complete, values, closeups + files
    )


class _Work:
    """What a run has done so far."""

    def __init__(self, net: Net, every_layer: bool) -> None:
        self.net = net
        self.steps = self.images = 0
        self.shown: dict[str, Shown] = {}
        self.names: tuple[str, ...] = ()
        self.counters: dict[str, ValueCounter] = {}
        self._every = every_layer

    @property
    def values(self) -> tuple[Values, ...]:
        return tuple(counter.values for counter in self.counters.values())

    def step(self, batch: Batch, board: Board) -> None:
        """Run one batch through the net and write its pictures."""
        outputs = self.net.forward(batch.images)
        kept = [Output("input", "input", batch.images), *outputs]
        if not self.shown:
            self.names = batch.names
            for output in kept:
                scale = ColourScale.of(output.maps)
                self.shown[output.tag] = Shown(output.heading, output.maps, scale)
            self.counters = {output.tag: ValueCounter() for output in outputs}
        for output in kept:
            if output.tag not in self.shown:  # a net may take other ways than with the first batch
                continue
            if self._every or output.tag in ("input", "output"):
                tiling = _tiled(output.maps, self.shown[output.tag].scale)
                board.images(output.tag, tiling, self.steps)
            if output.tag in self.counters:
                self.counters[output.tag].add(output.maps)
        self.steps += 1
        self.images += len(batch.images)


def _tiled(maps: NDArray[Any], scale: ColourScale) -> Tiling:
    per_sample = 1 if maps.shape[1] == 3 else maps.shape[1]
    samples = max(1, _MAPS_A_PICTURE // per_sample)
    return tile_maps(maps[:samples], scale, shortest=_SHORTEST_MAP)


def _write_results(folder: Path, work: _Work, data: str, facts: dict[str, Any]) -> tuple[str, ...]:
    pictures = contact_sheets([*work.shown.values()], work.names, f"convpool: {data}")
    for name, picture in pictures.items():
        save_png(picture, folder / name)
    write_whole(folder / "summary.json", summary_json(work.net, work.counters, facts))
    return (*pictures, "summary.json")


def _write_closeup(folder: Path, work: _Work) -> tuple[str, ...]:
    name = "animation.html"
    layer, weights = work.net.first_layer
    closeup(layer, work.shown["input"].maps[0], weights).save(folder / name)
    return (name,)
