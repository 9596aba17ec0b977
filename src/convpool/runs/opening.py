"""What `run` is given, as a net and a source: layers, or PyTorch's modules and data sets.

PyTorch's are known by its classes, if it is loaded at all: before that, nobody has one.
"""

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

from convpool.arithmetic import ChainReport, NetReport
from convpool.errors import ArgumentError
from convpool.images import ImageSource
from convpool.runs.chain import ChainNet, plan_chain
from convpool.runs.net import Net
from convpool.spec import LayerSpec

Given = Iterable[str | LayerSpec] | Callable[..., Any]
"""Layers, as values or as text, or a `torch.nn.Module`."""

DEFAULT_BATCH_SIZE = 64


class Samples(Protocol):
    """A `torch.utils.data.Dataset`."""

    def __getitem__(self, index: Any, /) -> Any:
        """Return a sample."""


Data = ImageSource | Samples | Iterable[Any]
"""A source of images, or a `torch.utils.data.Dataset` or `DataLoader`."""


def open_net(
    net: Given,
    source: ImageSource,
    weights: str | os.PathLike[str] | None,
    seed: int,
    every_layer: bool,
) -> Net:
    """Return the net of a run, its weights chosen."""
    if not _is_module(net):
        layers = _layers(net)
        return ChainNet(layers, source.image_shape, "edges" if weights is None else weights, seed)
    if weights is not None:
        own = "left out for a torch.nn.Module, which has its own (its load_state_dict reads others)"
        raise ArgumentError("weights", os.fspath(weights), own)
    from convpool.runs.modules import ModuleNet  # noqa: PLC0415  (it imports torch)

    return ModuleNet(net, source.image_shape, every_layer)


def open_data(data: Data) -> ImageSource:
    """Return the source of images that is given or that stands for a data set or loader."""
    if hasattr(data, "batches") and hasattr(data, "image_shape"):
        return cast("ImageSource", data)
    from convpool.nn.data import TensorSource  # noqa: PLC0415  (it imports torch)

    return TensorSource(data)


def steps_of(source: ImageSource, batch_size: int | None) -> int:
    """Return the size of batches: what is asked for, a loader's own, or 64.

    Raises:
        ArgumentError: it is asked for, but the loader's batches are of another size.
    """
    own = getattr(source, "batch_size", None)
    if getattr(source, "cut", False) and batch_size not in (None, own):
        raise ArgumentError("batch_size", batch_size, f"left out: the loader's is {own}")
    return batch_size if batch_size is not None else own or DEFAULT_BATCH_SIZE


def plan_run(net: Given, source: Data) -> ChainReport | NetReport:
    """Return the report of the net on the source's images; an empty net means the default one.

    Raises:
        ArgumentError: a layer can't be read, or can't take what reaches it.

    Example:
        >>> from convpool.images import open_source
        >>> plan_run(["MaxPool2d(2)"], open_source("sample")).output_shape
        (3, 32, 32)
    """
    shape = open_data(source).image_shape
    if not _is_module(net):
        return plan_chain(_layers(net), shape)
    from convpool.nn.running import report_on  # noqa: PLC0415  (it imports torch)

    return report_on(cast("Any", net), shape)


def _layers(net: Given) -> Iterable[str | LayerSpec]:
    if not isinstance(net, Iterable):
        raise ArgumentError("net", net, "layers, or a torch.nn.Module")
    return net


def _is_module(net: object) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(net, torch.nn.Module)
