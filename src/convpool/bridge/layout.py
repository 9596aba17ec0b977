"""In which order a result's memory runs: PyTorch's rule, for tensors and fake ones alike."""

from collections.abc import Sequence

import torch
from torch import Tensor


def runs_channels_last(sizes: Sequence[int], strides: Sequence[int]) -> bool:
    """Tell whether strides are those of channels-last memory, as PyTorch's convolutions ask.

    Where sizes of 1 leave both orders possible, the strides of those axes decide, and if they don't
    either, it isn't. The unit of the strides doesn't matter. (`is_channels_last_strides_2d_s4` in
    c10/core/MemoryFormat.h.)

    Example:
        >>> runs_channels_last((2, 1, 4, 4), (16, 1, 4, 1))
        True
        >>> runs_channels_last((2, 1, 4, 4), (16, 16, 4, 1))
        False
    """
    if len(sizes) != 4 or strides[1] == 0:
        return False
    least = 0
    for axis in (1, 3, 2, 0):
        if sizes[axis] == 0 or strides[axis] < least:
            return False
        if axis == 0 and least == strides[1]:
            return False
        least = strides[axis] * max(1, sizes[axis])
    return True


def any_channels_last(tensors: Sequence[Tensor]) -> bool:
    """Tell whether one of the tensors is in channels-last memory; the result is then, too."""
    return any(runs_channels_last(tensor.shape, tensor.stride()) for tensor in tensors)


def new(like: Tensor, shape: Sequence[int], dtype: torch.dtype, *, last: bool) -> Tensor:
    """Return an uninitialised tensor of a shape, where another one is."""
    order = torch.channels_last if last and len(shape) == 4 else torch.contiguous_format
    return torch.empty(shape, dtype=dtype, device=like.device, memory_format=order)


def arranged(tensor: Tensor, *, last: bool) -> Tensor:
    """Return a tensor's numbers in memory of the order, which most often is as it is."""
    if tensor.ndim < 3:
        return tensor
    batch, channels, height, width = tensor.shape if tensor.ndim == 4 else (1, *tensor.shape)
    if last and tensor.ndim == 4:
        expected = [height * width * channels, 1, width * channels, channels]
    else:
        expected = [channels * height * width, height * width, width, 1][-tensor.ndim :]
    if batch and tensor.stride() == tuple(expected):
        return tensor
    return new(tensor, tensor.shape, tensor.dtype, last=last).copy_(tensor)
