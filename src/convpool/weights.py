"""Weights for the layers of a net: an edge filter bank, random ones, or those of a file.

In a file they are named as in the state_dict of PyTorch's `nn.Sequential`: "0.weight", "0.bias",
"1.weight" and so on, by the layer's place in the chain.
"""

import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from convpool.arithmetic import Shape
from convpool.errors import ArgumentError, DataError
from convpool.spec import Conv2dSpec, ConvolutionSpec, ConvTranspose2dSpec, LayerSpec

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """The arrays of one convolution, float32: its weights and, where it has one, its bias."""

    weight: Array
    bias: Array | None


NetWeights = tuple[LayerWeights | None, ...]
"""One entry a layer; None for those without weights."""


def edge_weights(net: Sequence[LayerSpec]) -> NetWeights:
    """Return weights that show something: edges in as many directions as a layer has filters.

    A convolution's filter j is the derivative of a Gaussian in direction pi * j / filters, the same
    on each of its input channels, scaled so that an image in 0..1 gives values in -1..1. Where the
    kernel has no extent in that direction it takes the mean instead. A transposed convolution gets
    a tent, so that it enlarges smoothly. Biases are zero.

    Example:
        >>> (layer,) = edge_weights([Conv2dSpec(1, 2, (1, 3))])
        >>> layer.weight[0, 0, 0].tolist()
        [-1.0, 0.0, 1.0]
    """
    return tuple(
        LayerWeights(
            _edges(layer) if isinstance(layer, Conv2dSpec) else _tents(layer), _zeros(layer)
        )
        if isinstance(layer, ConvolutionSpec)
        else None
        for layer in net
    )


def random_weights(net: Sequence[LayerSpec], seed: int = 0) -> NetWeights:
    """Return weights drawn as PyTorch's modules draw theirs, from NumPy's generator and a seed.

    Weights and biases are uniform within 1 / sqrt(fan_in), where fan_in is the number of weights
    that PyTorch counts for an output: weight.shape[1] * k_h * k_w.

    Example:
        >>> random_weights([Conv2dSpec(3, 8, 3)], seed=1)[0].weight.shape
        (8, 3, 3, 3)
    """
    generator = np.random.default_rng(seed)

    def draw(layer: ConvolutionSpec) -> LayerWeights:
        bound = 1 / math.sqrt(math.prod(layer.weight_shape[1:]))
        weight = generator.uniform(-bound, bound, layer.weight_shape).astype(np.float32)
        bias = generator.uniform(-bound, bound, layer.out_channels).astype(np.float32)
        return LayerWeights(weight, bias if layer.bias else None)

    return tuple(draw(layer) if isinstance(layer, ConvolutionSpec) else None for layer in net)


def load_weights(net: Sequence[LayerSpec], path: str | os.PathLike[str]) -> NetWeights:
    """Return the weights in an .npz file, converted to float32.

    Raises:
        ArgumentError: the file doesn't exist, an array is missing or of the wrong shape.
        DataError: the file can't be read as .npz of numbers.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "weights.npz"
        ...     np.savez(path, **{"0.weight": np.ones((1, 1, 2, 2))})
        ...     load_weights([Conv2dSpec(1, 1, 2, bias=False)], path)[0].weight.sum()
        np.float32(4.0)
    """
    arrays = _read(Path(path))

    def take(name: str, shape: Shape) -> Array:
        if name not in arrays:
            raise ArgumentError(
                "weights", str(path), f"a file that holds {name!r}; it holds {sorted(arrays)}"
            )
        array = arrays[name]
        if array.shape != shape or array.dtype.kind not in "biuf":
            raise ArgumentError(
                f"{name!r} in {path}",
                f"{array.dtype} of shape {array.shape}",
                f"numbers of {shape}",
            )
        return array.astype(np.float32)

    loaded: list[LayerWeights | None] = []
    for place, layer in enumerate(net):
        if not isinstance(layer, ConvolutionSpec):
            loaded.append(None)
            continue
        weight = take(f"{place}.weight", layer.weight_shape)
        bias = take(f"{place}.bias", (layer.out_channels,)) if layer.bias else None
        loaded.append(LayerWeights(weight, bias))
    return tuple(loaded)


def _read(path: Path) -> dict[str, Array]:
    if not path.is_file():
        raise ArgumentError("weights", str(path), "edges, random or an existing .npz file")
    try:
        # The file is opened here because np.load leaves a damaged one open.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.lib.npyio.NpzFile):
                return dict(archive)
    except (ValueError, EOFError, OSError, BadZipFile, zlib.error) as error:
        raise DataError(f"cannot read weights from {path}: {error}") from error
    raise DataError(f"cannot read weights from {path}: it holds one array, but must be a .npz file")


def _zeros(layer: ConvolutionSpec) -> Array | None:
    return np.zeros(layer.out_channels, np.float32) if layer.bias else None


def _edges(layer: Conv2dSpec) -> Array:
    """The bank of edge filters, (C_out, C_in / groups, k_h, k_w)."""
    filters, channels, height, width = layer.weight_shape
    down, across = np.mgrid[:height, :width].astype(float)
    down, across = down - (height - 1) / 2, across - (width - 1) / 2
    spread = max(height, width) / 3
    bell = np.exp(-(down**2 + across**2) / (2 * spread**2))
    weight = np.empty(layer.weight_shape, np.float32)
    for number in range(filters):
        angle = math.pi * number / filters
        slope = (across * math.cos(angle) + down * math.sin(angle)) * bell
        size = np.abs(slope).sum() / 2  # half of the taps are negative: values stay in -1..1
        plain = np.full((height, width), 1 / (height * width))
        weight[number] = (slope / size if size > 1e-6 else plain) / channels
    return weight


def _tents(layer: ConvTranspose2dSpec) -> Array:
    """Tents as high as neighbouring stamps need to add up to 1, mean over the input channels."""
    rows, columns = (
        1 - np.abs(np.arange(kernel) - (kernel - 1) / 2) / ((kernel + 1) / 2)
        for kernel in layer.kernel_size
    )
    tent = np.multiply.outer(rows, columns)
    tent *= layer.stride[0] * layer.stride[1] / tent.sum()
    per_group = layer.in_channels // layer.groups
    weight = np.empty(layer.weight_shape, np.float32)
    weight[...] = tent / per_group
    return weight
