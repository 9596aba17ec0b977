"""What a net is made of, and what size and cost each call of a module has."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import Module

from convpool.arithmetic import ModuleCall, NetReport, ReceptiveField, macs
from convpool.errors import ArgumentError
from convpool.nn.layers import layer_of
from convpool.nn.swapping import check_module
from convpool.spec import ConvolutionSpec

_POINTWISE: tuple[type[Module], ...] = tuple(
    getattr(torch.nn, name)
    for name in torch.nn.modules.activation.__all__
    if name != "MultiheadAttention"
)
_POINTWISE += (torch.nn.BatchNorm2d, torch.nn.Identity, torch.nn.Dropout, torch.nn.Dropout2d)
"""Modules each of whose outputs comes from one pixel (a softmax, from one pixel's channels)."""


def summarize(net: Module, input_shape: Sequence[int]) -> NetReport:
    """Return the report of a net, from shapes alone: nothing is computed, whatever its size.

    Args:
        net: the module; it is looked at as it is, in training or in evaluation.
        input_shape: of its one input.

    Raises:
        ArgumentTypeError: it isn't a module.
        ArgumentError: it can't take an input of that shape.

    Example:
        >>> report = summarize(torch.nn.Conv2d(3, 64, 7, stride=2, padding=3), (1, 3, 224, 224))
        >>> report.output_shape, report.parameters, report.macs
        ((1, 64, 112, 112), 9472, 118013952)
    """
    check_module(net)
    # A copy's parameters and statistics stay what they are, though it may be in training.
    with FakeTensorMode(allow_non_fake_inputs=True) as fakes:
        parameters: dict[str, Tensor]
        parameters = {name: fakes.from_tensor(value) for name, value in _state(net)}

        def call(images: Tensor) -> Any:
            return torch.func.functional_call(net, parameters, (images,))

        return watched(net, torch.empty(tuple(input_shape)), call)


def watched(net: Module, images: Tensor, call: Callable[[Tensor], Any]) -> NetReport:
    """Return the report of what `call`, which calls the net, makes of images.

    Raises:
        ArgumentError: it fails.
    """
    watch = _Watch(net)
    watch.see(images, ReceptiveField())
    try:
        call(images)
    except Exception as error:  # whatever the net's own forward raises
        expected = f"one that the net can take: {type(error).__name__}: {error}"
        raise ArgumentError("input", tuple(images.shape), expected) from error
    finally:
        watch.stop()
    return NetReport(tuple(images.shape), tuple(row for row in watch.rows if row is not None))


def _state(net: Module) -> list[tuple[str, Tensor]]:
    return [*net.named_parameters(), *net.named_buffers()]


class _Watch:
    """Writes rows as modules are called."""

    def __init__(self, net: Module) -> None:
        self.rows: list[ModuleCall | None] = []
        self._open: list[tuple[int, int]] = []
        self._counted: set[int] = set()
        self._fields: dict[tuple[int, int], tuple[Tensor, ReceptiveField]] = {}
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

    def see(self, tensor: Tensor, field: ReceptiveField) -> None:
        """Remember what a pixel of a tensor sees, until the tensor is written to."""
        # With the tensor itself, so that no other gets its id.
        self._fields[id(tensor), tensor._version] = tensor, field

    def _seen(self, tensor: Any) -> ReceptiveField | None:
        known = isinstance(tensor, Tensor) and self._fields.get((id(tensor), tensor._version))
        return known[1] if known else None

    def _enter(self, _module: Module, given: Any) -> None:
        self._open.append((len(self.rows), 0))
        self.rows.append(None)
        self._before = self._seen(given[0]) if given else None  # now: it may work in place

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
        if not parts:
            self._pass_on(module, made)
        self.rows[place] = ModuleCall(
            name=self._names[id(module)],
            layer=type(module).__name__ if parts else repr(module),
            output_shape=tuple(made.shape) if isinstance(made, Tensor) else None,
            parameters=sum(number for _, number in dict(own).items()),
            macs=products,
            field=self._seen(made),
            spec=None if parts else layer_of(module),
            input_shape=tuple(given[0].shape) if given and isinstance(given[0], Tensor) else None,
        )

    def _pass_on(self, module: Module, made: Any) -> None:
        """Remember what a pixel of the output of a module without parts sees, if that is known."""
        field, layer = self._before, layer_of(module)
        if field is None or (layer is None and not isinstance(module, _POINTWISE)):
            return
        maps = made[0] if isinstance(made, tuple) and made else made
        if isinstance(maps, Tensor):
            self.see(maps, field if layer is None else field.through(layer))


def _macs(module: Module, given: tuple[Any, ...], made: Any) -> int:
    if isinstance(module, torch.nn.Linear):
        return int(module.in_features * prod(made.shape))
    layer = layer_of(module)
    return macs(layer, tuple(given[0].shape)) if isinstance(layer, ConvolutionSpec) else 0
