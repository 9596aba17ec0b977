"""The main job: images through a chain of layers, everything to be looked at afterwards."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import convpool
from convpool.arithmetic import ChainReport, chain_report
from convpool.board import Board
from convpool.files import write_whole
from convpool.images import Batch, ImageSource
from convpool.notation import parse_net, shape_text
from convpool.pictures import ColourScale, Tiling, save_png, tile_maps
from convpool.runs.closeup import closeup
from convpool.runs.folder import claimed
from convpool.runs.forward import check_unpooling, forward
from convpool.runs.report import Shown, ValueCounter, Values, contact_sheets, summary_json
from convpool.spec import LayerSpec
from convpool.weights import NetWeights, edge_weights, load_weights, random_weights

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
    report: ChainReport
    images: int
    batches: int
    seconds: float
    complete: bool
    values: tuple[Values, ...]
    files: tuple[str, ...]


def default_net(image_shape: Sequence[int]) -> tuple[str, ...]:
    """Return the layers of a run that names none: an edge filter bank, then max pooling.

    Example:
        >>> default_net((3, 32, 32))[1]
        'MaxPool2d(3, ceil_mode=True)'
    """
    edges = f"Conv2d({image_shape[-3]}, 8, 5, padding=2, bias=False, padding_mode='replicate')"
    return edges, "MaxPool2d(3, ceil_mode=True)"


def plan_run(net: Iterable[str | LayerSpec], source: ImageSource) -> ChainReport:
    """Return the report of the net on the source's images; an empty net means the default one.

    Raises:
        ArgumentError: a layer can't be read, or can't take what reaches it.

    Example:
        >>> from convpool.images import open_source
        >>> plan_run(["MaxPool2d(2)"], open_source("sample")).output_shape
        (3, 32, 32)
    """
    layers = parse_net(list(net) or default_net(source.image_shape))
    report = chain_report(layers, source.image_shape)
    check_unpooling(report)
    return report


def run(
    net: Iterable[str | LayerSpec],
    source: ImageSource,
    *,
    logdir: str | os.PathLike[str] | None = None,
    batch_size: int = 64,
    limit: int | None = None,
    weights: str | os.PathLike[str] = "edges",
    seed: int = 0,
    every_layer: bool = False,
    animate: bool = False,
    progress: Progress | None = None,
) -> RunSummary:
    """Send images through layers and write TensorBoard events, contact sheets and summary.json.

    Each batch is one step of the tags `input` and `output`, and with `every_layer` of one tag per
    layer. A layer's pictures share one colour scale, chosen from the first batch: values in 0..1
    are shown as they are, signed ones with zero at mid-grey.

    Args:
        net: layers, as values or as text such as "MaxPool2d(3)"; empty for the default net.
        source: where the images come from, see `convpool.images.open_source`.
        logdir: a new or empty folder for the results; None for the next free runs/NNN.
        batch_size: images a step.
        limit: images at most.
        weights: "edges" (a bank of edge filters), "random" (PyTorch's initialisation) or the path
            of an .npz file with arrays "0.weight", "0.bias", … by the layer's place in the net.
        seed: for random weights.
        every_layer: write the layers in between as well.
        animate: write animation.html: the first layer on the middle of the first image.
        progress: called with the images done and the images in all, first with none done, when
            all arguments have been found good.

    Returns:
        What was done. After Ctrl-C the results so far are kept and `complete` is False.

    Raises:
        ArgumentError, ArgumentTypeError: an argument can't work; nothing is written.
        DataError: an image can't be read or a file can't be written; what the run wrote is removed.

    Example:
        >>> import tempfile
        >>> from convpool.images import open_source
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     summary = run(["MaxPool2d(2)"], open_source("sample"), logdir=folder, limit=4)
        >>> summary.images, summary.report.output_shape
        (4, (3, 32, 32))
    """
    report = plan_run(net, source)
    layers = [layer.layer for layer in report.layers]
    arrays = choose_weights(layers, weights, seed)
    batches = source.batches(batch_size, limit)
    total = len(source) if limit is None else min(limit, len(source))
    with claimed(logdir) as folder:
        work = _Work(report, arrays, every_layer)
        closeups: tuple[str, ...] = ()
        if progress is not None:
            progress(0, total)
        start = time.monotonic()
        complete = True
        with Board(folder) as board:
            board.text("net", _markdown(report))
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
            source.name,
            {
                "convpool": convpool.__version__,
                "data": source.name,
                "images": work.images,
                "batch_size": batch_size,
                "batches": work.steps,
                "complete": complete,
                "weights": str(weights),
                "seed": seed,
                "seconds": round(seconds, 3),
                "images_per_second": round(work.images / seconds, 1),
            },
        )
    return RunSummary(
        folder, report, work.images, work.steps, seconds, complete, work.values, closeups + files
    )


def choose_weights(
    layers: Sequence[LayerSpec], weights: str | os.PathLike[str], seed: int
) -> NetWeights:
    """Return the weights that the argument `weights` of `run` names."""
    if weights == "edges":
        return edge_weights(layers)
    if weights == "random":
        return random_weights(layers, seed)
    return load_weights(layers, weights)


class _Work:
    """What a run has done so far."""

    def __init__(self, report: ChainReport, weights: NetWeights, every_layer: bool) -> None:
        self.report, self.weights = report, weights
        self.steps = self.images = 0
        self.shown: list[Shown] = []
        self.names: tuple[str, ...] = ()
        self._counters = [ValueCounter() for _ in report.layers]
        self._headings = ["input", *(str(layer.layer) for layer in report.layers)]
        last = len(report.layers)
        self._tags = {0: "input", last: "output"}
        if every_layer:
            for place, layer in enumerate(report.layers, start=1):
                self._tags.setdefault(place, f"layer{place}-{layer.layer.name}")

    @property
    def values(self) -> tuple[Values, ...]:
        return tuple(counter.values for counter in self._counters)

    def step(self, batch: Batch, board: Board) -> None:
        """Run one batch through the net and write its pictures."""
        outputs = (batch.images, *forward(self.report, self.weights, batch.images))
        if not self.shown:
            self.names = batch.names
            self.shown = [
                Shown(heading, maps, ColourScale.of(maps))
                for heading, maps in zip(self._headings, outputs, strict=True)
            ]
        for place, tag in self._tags.items():
            board.images(tag, _tiled(outputs[place], self.shown[place].scale), self.steps)
        for counter, output in zip(self._counters, outputs[1:], strict=True):
            counter.add(output)
        self.steps += 1
        self.images += len(batch.images)


def _tiled(maps: NDArray[Any], scale: ColourScale) -> Tiling:
    per_sample = 1 if maps.shape[1] == 3 else maps.shape[1]
    samples = max(1, _MAPS_A_PICTURE // per_sample)
    return tile_maps(maps[:samples], scale, shortest=_SHORTEST_MAP)


def _write_results(folder: Path, work: _Work, data: str, facts: dict[str, Any]) -> tuple[str, ...]:
    pictures = contact_sheets(work.shown, work.names, f"convpool: {data}")
    for name, picture in pictures.items():
        save_png(picture, folder / name)
    write_whole(folder / "summary.json", summary_json(work.report, work.values, facts))
    return (*pictures, "summary.json")


def _write_closeup(folder: Path, work: _Work) -> tuple[str, ...]:
    name = "animation.html"
    first = work.report.layers[0].layer
    closeup(first, work.shown[0].maps[0], work.weights[0]).save(folder / name)
    return (name,)


def _markdown(report: ChainReport) -> str:
    """Write the chain as a Markdown table for TensorBoard's text page."""
    rows = [
        f"| {place} | `{layer.layer}` | {shape_text(layer.output_shape)} "
        f"| {layer.parameters:,} | {layer.macs:,} |"
        for place, layer in enumerate(report.layers, start=1)
    ]
    return "\n".join(["| | layer | output | parameters | MACs |", "|-|-|-|-|-|", *rows])
