"""The layers: PyTorch's own modules, whose forward goes through the functions of `bridge`."""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
import torch.fx
from torch import Tensor
from torch.compiler import is_dynamo_compiling

from convpool.bridge import avg_pool2d, conv2d, conv_transpose2d, max_pool2d, max_unpool2d
from convpool.bridge.norm import batch_norm
from convpool.bridge.packing import Packing
from convpool.bridge.rectifier import relu
from convpool.bridge.small_calls import SmallCalls
from convpool.functional.layers import (
    conv2d_calls,
    conv2d_spec,
    conv_transpose2d_calls,
    conv_transpose2d_spec,
)
from convpool.precisions import checked

_NAMES = (
    *("avg_pool2d", "batch_norm", "conv2d", "conv_transpose2d", "max_pool2d", "max_unpool2d"),
    "relu",
)
for _name in _NAMES:
    torch.fx.wrap(_name)  # one node in a model that is traced


class Packed(torch.nn.Module):
    """A convolution that, in evaluation without gradients, keeps its weights packed.

    What is packed is no state: it isn't saved or copied, and `train()` drops it.

    Beside PyTorch's arguments a convolution takes `precision`: "fast" or "strict", as in
    `convpool.precision`, forward and backward; None for that of the context of each call.
    """

    precision: str | None = None
    _packing: Packing | None = None
    _small: SmallCalls | None = None

    def __init__(self, *arguments: Any, precision: str | None = None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        if precision is not None:
            self.precision = checked("precision", precision)

    def extra_repr(self) -> str:
        """Return the arguments."""
        mode = "" if self.precision is None else f", precision={self.precision!r}"
        return super().extra_repr() + mode

    def _kept(self) -> Packing | None:
        """Return what holds the packed weights, or None if they mustn't be kept now."""
        if self.training:
            return None
        if self._packing is None:
            self.__dict__["_packing"] = Packing()
        return self._packing

    def _first_small(self) -> SmallCalls:
        """Return what will know the small calls."""
        small = self.__dict__["_small"] = SmallCalls()
        return small

    def train(self, mode: bool = True) -> "Packed":
        """Set training, or evaluation."""
        self.__dict__.pop("_packing", None)
        super().train(mode)
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in _UNSAVED}


_UNSAVED = "_packing", "_small"


def drop_kept(module: torch.nn.Module) -> None:
    """Let a module forget what its calls found out."""
    for name in _UNSAVED:
        module.__dict__.pop(name, None)


class Conv2d(Packed, torch.nn.Conv2d):
    """`torch.nn.Conv2d`, carried out by convpool's kernels.

    Example:
        >>> Conv2d(3, 64, 7, stride=2)(torch.zeros(1, 3, 224, 224)).shape
        torch.Size([1, 64, 109, 109])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, C_out, OH, OW) for (N, C_in, H, W), or both without N."""
        weight = None if is_dynamo_compiling() else self._parameters.get("weight")
        if weight is None:  # so it is if it is parametrized, too
            return self._conv_forward(input, self.weight, self.bias)
        bias = self._parameters.get("bias")  # 0.4 us less than `self.bias`
        layer = self.stride, self.padding, self.dilation, self.groups, self.padding_mode
        small = self._small or self._first_small()
        output = small.convolve(input, weight, bias, conv2d_calls, layer, self.precision)
        if output is not None:
            return output
        packing = self._kept()
        if packing is not None:
            output = packing.convolve(
                input, weight, bias, conv2d_spec, layer, precision=self.precision
            )
            if output is not None:
                return output
        return self._conv_forward(input, weight, bias)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return conv2d(
            input,
            weight,
            bias,
            self.stride,
            self.padding,
            self.dilation,
            self.groups,
            padding_mode=self.padding_mode,
            precision=self.precision,
        )


class ConvTranspose2d(Packed, torch.nn.ConvTranspose2d):
    """`torch.nn.ConvTranspose2d`, carried out by convpool's kernels.

    Example:
        >>> layer = ConvTranspose2d(16, 8, 3, stride=2)
        >>> layer(torch.zeros(1, 16, 5, 5), output_size=(12, 12)).shape
        torch.Size([1, 8, 12, 12])
    """

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """Return (N, C_out, OH, OW) for (N, C_in, H, W), of `output_size` if it is given."""
        layer = self._layer(input, output_size)
        mode = self.precision
        weight = None if is_dynamo_compiling() else self._parameters.get("weight")
        if weight is None:
            return conv_transpose2d(input, self.weight, self.bias, *layer, precision=mode)
        bias = self._parameters.get("bias")
        small = self._small or self._first_small()
        output = small.convolve(input, weight, bias, conv_transpose2d_calls, layer, mode)
        packing = self._kept() if output is None else None
        if packing is not None:
            spec = conv_transpose2d_spec
            output = packing.convolve(input, weight, bias, spec, layer, precision=mode)
        if output is None:
            output = conv_transpose2d(input, weight, bias, *layer, precision=mode)
        return output

    def _layer(self, input: Tensor, output_size: Sequence[int] | None) -> tuple[Any, ...]:
        """Return the arguments after the bias."""
        extra = self.output_padding
        if output_size is not None:
            extra = self._output_padding(  # type: ignore[assignment]
                input,
                list(output_size),
                self.stride,  # type: ignore[arg-type]
                self.padding,  # type: ignore[arg-type]
                self.kernel_size,  # type: ignore[arg-type]
                2,
                self.dilation,  # type: ignore[arg-type]
            )
        return self.stride, self.padding, tuple(extra), self.groups, self.dilation


for _kind in (Conv2d, ConvTranspose2d):  # which `help` prints, and `torch.nn.utils.skip_init` reads
    _own = inspect.Parameter("precision", inspect.Parameter.KEYWORD_ONLY, default=None)
    _theirs = inspect.signature(getattr(torch.nn, _kind.__name__)).parameters.values()
    setattr(_kind, "__signature__", inspect.Signature([*_theirs, _own]))  # noqa: B010 (for mypy)


class MaxPool2d(torch.nn.MaxPool2d):
    """`torch.nn.MaxPool2d`, carried out by convpool's kernels.

    Example:
        >>> MaxPool2d(2, ceil_mode=True)(torch.zeros(1, 3, 5, 5)).shape
        torch.Size([1, 3, 3, 3])
    """

    _small: SmallCalls | None = None

    def forward(self, input: Tensor) -> Any:
        """Return the maxima, and their indices if the layer returns them."""
        window = self.kernel_size, self.stride, self.padding, self.dilation
        indices, ceil_mode = self.return_indices, self.ceil_mode
        if not is_dynamo_compiling():
            small = self._small
            if small is None:
                small = self.__dict__["_small"] = SmallCalls()
            output = small.max_pool(input, (*window, indices, ceil_mode))
            if output is not None:
                return output
        return max_pool2d(input, *window, ceil_mode, indices)


class AvgPool2d(torch.nn.AvgPool2d):
    """`torch.nn.AvgPool2d`, carried out by convpool's kernels.

    Example:
        >>> AvgPool2d(2)(torch.ones(1, 1, 2, 2))
        tensor([[[[1.]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the means."""
        return avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class MaxUnpool2d(torch.nn.MaxUnpool2d):
    """`torch.nn.MaxUnpool2d`, carried out by convpool's kernels.

    Example:
        >>> pooled, indices = MaxPool2d(2, return_indices=True)(torch.ones(1, 1, 4, 4))
        >>> MaxUnpool2d(2)(pooled, indices).sum()
        tensor(4.)
    """

    def forward(
        self, input: Tensor, indices: Tensor, output_size: Sequence[int] | None = None
    ) -> Tensor:
        """Return each value at its index, and zeros elsewhere."""
        return max_unpool2d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class BatchNorm2d(torch.nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d`, in training carried out by a kernel: it takes a third of a step.

    Example:
        >>> images = BatchNorm2d(3)(torch.randn(16, 3, 8, 8))
        >>> images.mean().abs() < 1e-5
        tensor(True)
    """

    def forward(
        self, input: Tensor, residual: Tensor | None = None, rectifies: bool = False
    ) -> Tensor:
        """Return (N, C, H, W) of mean 0 and variance 1 in each channel, times weight plus bias.

        A `residual` is added to that, and if it rectifies, what is below 0 becomes 0.
        """
        self._check_input_dim(input)
        count, momentum = self.num_batches_tracked, self.momentum
        if self.training and self.track_running_stats and count is not None:
            count.add_(1)
            momentum = 1.0 / float(count) if momentum is None else momentum
        mean, variance = self.running_mean, self.running_var
        follows = self.track_running_stats or not self.training
        return batch_norm(
            input,
            mean if follows else None,
            variance if follows else None,
            self.weight,
            self.bias,
            self.training or (mean is None and variance is None),
            0.0 if momentum is None else momentum,
            self.eps,
            residual=residual,
            rectifies=rectifies,
        )


class ReLU(torch.nn.ReLU):
    """`torch.nn.ReLU`, whose gradient is a kernel's where it is large.

    Example:
        >>> ReLU()(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return the larger of each number and 0."""
        return relu(input, self.inplace)


class LazyConv2d(torch.nn.LazyConv2d):
    """`torch.nn.LazyConv2d`: becomes a `Conv2d` when the first images say the channels."""

    cls_to_become = Conv2d


class LazyConvTranspose2d(torch.nn.LazyConvTranspose2d):
    """`torch.nn.LazyConvTranspose2d`: becomes a `ConvTranspose2d` likewise."""

    cls_to_become = ConvTranspose2d
