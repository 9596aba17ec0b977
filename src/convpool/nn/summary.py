"""What a net is made of, from shapes alone: nothing is computed, whatever its size."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import Module

from convpool.arithmetic import Shape, macs
from convpool.errors import ArgumentError
from convpool.functional.layers import conv2d_spec, conv_transpose2d_spec
from convpool.nn.swapping import check_module


@dataclass(frozen=True)
class Row:
    """One call of a module."""

    name: str
    """Its path in the net, such as "features.0"; "" for the net itself."""
    layer: str
    """Its class, and for a layer without parts its repr."""
    output_shape: Shape | None
    """Shape of what it returns, None if that isn't one tensor."""
    parameters: int
    """Numbers in its parameters, parts included; 0 if an earlier row has them already."""
    macs: int
    """Products with weights, of convolutions and linear layers, over the batch; parts included."""

    @property
    def depth(self) -> int:
        """How many modules it is part of."""
        return self.name.count(".") + bool(self.name)


def summarize(net: Module, input_shape: Sequence[int]) -> tuple[Row, ...]:
    """Return a row for each call of a module, the net first, its parts in the order of the calls.

    Args:
        net: the module; it is looked at as it is, in training or in evaluation.
        input_shape: of its one input.

    Raises:
        ArgumentTypeError: it isn't a module.
        ArgumentError: it can't take an input of that shape.

    Example:
        >>> rows = summarize(torch.nn.Conv2d(3, 64, 7, stride=2, padding=3), (1, 3, 224, 224))
        >>> rows[0].output_shape, rows[0].parameters, rows[0].macs
        ((1, 64, 112, 112), 9472, 118013952)
    """
    check_module(net)
    watch = _Watch(net)
    try:
        # A copy's parameters and statistics stay what they are, though it may be in training.
        with FakeTensorMode(allow_non_fake_inputs=True) as fakes:
            parameters: dict[str, Tensor]
            parameters = {name: fakes.from_tensor(value) for name, value in _state(net)}
            images = torch.empty(tuple(input_shape))
            torch.func.functional_call(net, parameters, (images,))
    except Exception as error:  # whatever the net's own forward raises
        expected = f"one that the net can take: {type(error).__name__}: {error}"
        raise ArgumentError("input", tuple(input_shape), expected) from error
    finally:
        watch.stop()
    return tuple(row for row in watch.rows if row is not None)


def _state(net: Module) -> list[tuple[str, Tensor]]:
    return [*net.named_parameters(), *net.named_buffers()]


class _Watch:
    """Writes rows as modules are called."""

    def __init__(self, net: Module) -> None:
        self.rows: list[Row | None] = []
        self._open: list[tuple[int, int]] = []
        self._counted: set[int] = set()
        self._names = {id(module): name for name, module in net.named_modules()}
        self._sizes = {
            id(module): [(id(value), value.numel()) for value in module.parameters()]
            for module in net.modules()
        }
        self._hooks = [
            hook
            for module in net.modules()
            for hook in (
                module.register_forward_pre_hook(self._enter),
                module.register_forward_hook(self._leave),
            )
        ]

    def stop(self) -> None:
        """Take the hooks off again."""
        for hook in self._hooks:
            hook.remove()

    def _enter(self, _module: Module, _given: Any) -> None:
        self._open.append((len(self.rows), 0))
        self.rows.append(None)

    def _leave(self, module: Module, given: Any, made: Any) -> None:
        place, inside = self._open.pop()
        products = inside + _macs(module, given, made)
        if self._open:
            above, before = self._open[-1]
            self._open[-1] = above, before + products
        own = self._sizes[id(module)]
        if id(module) in self._counted:
            own = []
        self._counted.add(id(module))
        parts = any(True for _ in module.children())
        layer = type(module).__name__ if parts else repr(module)
        shape = tuple(made.shape) if isinstance(made, Tensor) else None
        count = sum(number for _, number in dict(own).items())
        self.rows[place] = Row(self._names[id(module)], layer, shape, count, products)


def _macs(module: Module, given: tuple[Any, ...], made: Any) -> int:
    if isinstance(module, torch.nn.Linear):
        return int(module.in_features * prod(made.shape))
    if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
        shape = tuple(module.weight.shape)
        if isinstance(module, torch.nn.Conv2d):
            spec: Any = conv2d_spec(
                *(shape, module.stride, module.padding, module.dilation),
                *(module.groups, module.padding_mode),
            )
        else:
            sides, extra = module.padding, module.output_padding
            layer = module.stride, sides, extra, module.groups, module.dilation
            spec = conv_transpose2d_spec(shape, *layer)  # type: ignore[arg-type]
        return macs(spec, tuple(given[0].shape))
    return 0
