"""Fused models, of which convolutions and norms that follow each other are one step of autograd.

That is done where nothing else may happen between them: in training, for ordinary float32 tensors,
without hooks, modes or compilers. In all other cases the modules are called as the graph says.
"""

from functools import partial
from itertools import groupby
from operator import getitem
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, fx
from torch.autograd.graph import increment_version
from torch.compiler import is_dynamo_compiling
from torch.fx.node import map_arg
from torch.nn.functional import pad
from torch.nn.modules.module import _has_any_global_hook

from convpool.arithmetic import output_shape
from convpool.bridge.segments import Convolution, Norm, Padded, Segment, Step
from convpool.bridge.tensors import arrays_of
from convpool.errors import ArgumentError
from convpool.functional.layers import conv2d_calls
from convpool.nn.chains import called, is_plain
from convpool.nn.modules import BatchNorm2d, Conv2d
from convpool.nn.sequences import Part, PlannedModel, Values, caller, is_chain, links

if TYPE_CHECKING:
    from collections.abc import Hashable

_FLOAT = frozenset({torch.float32})
_MOST_SHAPES = 64


class FusedModel(PlannedModel):
    """What `fuse` returns: a graph of modules."""

    def carried_out(self, input: Any) -> Any:
        """Return the output in training for an input, or None if the graph is to be followed."""
        if is_dynamo_compiling() or not torch.is_grad_enabled() or not self.training:
            return None
        if not isinstance(input, Tensor) or _has_any_global_hook():  # type: ignore[no-untyped-call]
            return None
        plan: _Plan | None = self.plans.get("parts")
        if plan is None or not plan.is_of_today():
            plan = self.plans["parts"] = _Plan(self)
        return plan(input) if plan.pays else None


class _Plan:
    """How a model is carried out."""

    def __init__(self, model: fx.GraphModule) -> None:
        nodes = list(model.graph.nodes)
        self._first, self._last = nodes[0], nodes[-1]
        self._links = links(model)
        self._parts: list[Part] = []
        self.pays = False
        if not is_chain(model):
            return
        for is_layer, group in groupby(nodes[1:-1], partial(_is_step, model)):
            members = list(group)
            if is_layer and sum(_is_module(model, node) for node in members) > 1:
                self._parts.append(_Segment(model, members))
                self.pays = True
            else:
                self._parts += [caller(model, node) for node in members]

    def is_of_today(self) -> bool:
        """Tell whether the model's modules are those that were there."""
        return all(owner.get(name) is module for owner, name, module in self._links)

    def __call__(self, input: Tensor) -> Any:
        """Return the model's output."""
        values: Values = {self._first: input}
        for part in self._parts:
            part(values)
        return map_arg(self._last.args[0], values.__getitem__)


class _Segment:
    """Convolutions and norms that follow each other."""

    def __init__(self, model: fx.GraphModule, nodes: list[fx.Node]) -> None:
        self._one_by_one = [caller(model, node) for node in nodes]
        self._layers: list[tuple[fx.Node, Any]] = [
            (node, called(model, node)) for node in nodes if node.target is not getitem
        ]
        nodes = [node for node, _ in self._layers]
        own = set(nodes)
        read = dict.fromkeys(each for node in nodes for each in _read_by(node))
        self._read = [node for node in read if node not in own]
        self._numbers = {node: at for at, node in enumerate((*self._read, *nodes))}
        own |= {each for node in nodes for each in node.all_input_nodes if _is_selecting(each)}
        self._returned = [node for node in nodes if not node.users.keys() <= own]
        self._returned_numbers = [self._numbers[node] for node in self._returned]
        self._fitting: dict[Hashable, bool] = {}

    def __call__(self, values: Values) -> None:
        """Put what others read among the values."""
        made = self._made([values[node] for node in self._read])
        if made is None:
            for part in self._one_by_one:
                part(values)
        else:
            values.update(zip(self._returned, made, strict=True))

    def _made(self, images: list[Any]) -> tuple[Tensor, ...] | None:
        """Return what is made by one call, or None if that mustn't be."""
        for _, module in self._layers:
            if module is not None and not _is_ready(module):
                return None
        steps, parameters, followed = self._steps()
        tensors = [*images, *parameters]
        arrays, records = arrays_of(_FLOAT, *tensors)
        running, learns = arrays_of(_FLOAT, *followed)
        if arrays is None or running is None or learns or not records:
            return None
        for array in (*arrays, *running):
            if not array.flags.c_contiguous:
                return None
        if not self._fits(steps, arrays):
            return None
        norms: list[Any] = [module for _, module in self._layers if type(module) is BatchNorm2d]
        if norms:
            torch._foreach_add_([norm.num_batches_tracked for norm in norms], 1)
        given = arrays, running, len(images)
        made: tuple[Tensor, ...] = Segment.apply(steps, self._returned_numbers, given, *tensors)
        increment_version(followed)
        return made

    def _steps(self) -> tuple[list[Step], list[Any], list[Any]]:
        """Return the steps, their parameters, and the running numbers of norms."""
        steps, parameters, followed = list[Step](), list[Any](), list[Any]()
        for node, module in self._layers:
            place = len(parameters)
            if module is None:
                source, key, pads = cast("_Padding", _padding(node))
                steps.append(Padded(self._numbers[source], key, pads))
                continue
            if type(module) is Conv2d:
                steps.append(self._convolution(node, module, place))
            else:
                steps.append(self._norm(node, module, place, len(followed)))
                buffers = module._buffers
                followed += buffers["running_mean"], buffers["running_var"]
            own = module._parameters
            parameters.append(own["weight"])
            if own["bias"] is not None:
                parameters.append(own["bias"])
        return steps, parameters, followed

    def _convolution(self, node: fx.Node, module: Any, place: int) -> Convolution:
        """Return the step of a convolution whose parameters begin at a place."""
        weight, bias = module._parameters["weight"], module._parameters["bias"]
        layer = module.stride, module.padding, module.dilation, module.groups, module.padding_mode
        calls = conv2d_calls(tuple(weight.shape), *layer, bias is not None)
        own = self._numbers[node.args[0]]  # type: ignore[index]
        return Convolution(calls, module.precision, own, place, None if bias is None else place + 1)

    def _norm(self, node: fx.Node, module: Any, place: int, running: int) -> Norm:
        """Return the step of a norm whose parameters, and running numbers, begin at a place."""
        own, added = self._numbers[node.args[0]], node.kwargs.get("residual")  # type: ignore[index]
        residual = None if added is None else self._numbers[added]  # type: ignore[index]
        rectifies = bool(node.kwargs.get("rectifies"))
        rest = module.eps, running, module.momentum, rectifies
        return Norm(own, residual, place, place + 1, *rest)

    def _fits(self, steps: list[Step], arrays: list[Any]) -> bool:
        """Tell whether the shapes fit each other; if they don't, the modules say what is wrong."""
        key = (
            tuple([array.shape for array in arrays]),
            tuple([step.calls for step in steps if type(step) is Convolution]),
        )
        known = self._fitting.get(key)
        if known is None:
            if len(self._fitting) >= _MOST_SHAPES:
                self._fitting.clear()
            shapes = [array.shape for array in arrays]
            given = len(self._read)
            known = self._fitting[key] = _are_fitting(steps, shapes[:given], shapes[given:])
        return known


def _are_fitting(
    steps: list[Step], images: list[tuple[int, ...]], parameters: list[tuple[int, ...]]
) -> bool:
    for step in steps:
        shape = images[step.input]
        if len(shape) != 4:
            return False
        if isinstance(step, Padded):
            shape = step.shape(shape)
        elif isinstance(step, Convolution):
            try:
                shape = output_shape(step.calls.layer, shape)
            except ArgumentError:
                return False
        else:
            _, channels, height, width = shape
            if parameters[step.weight] != (channels,) or shape[0] * height * width < 2:
                return False
            if any(images[number] != shape for number in step.read):
                return False
        images.append(shape)
    return True


def _is_step(model: fx.GraphModule, node: fx.Node) -> bool:
    """Tell whether a node may be a step, or a part of one."""
    return _is_module(model, node) or _padding(node) is not None or _is_selecting(node)


def _is_module(model: fx.GraphModule, node: fx.Node) -> bool:
    """Tell whether a node calls a convolution or a norm."""
    if node.op != "call_module" or len(node.args) != 1 or not isinstance(node.args[0], fx.Node):
        return False
    kind = type(model.get_submodule(str(node.target)))
    if kind is Conv2d:
        return not node.kwargs
    return kind is BatchNorm2d and ("residual" not in node.kwargs or "rectifies" in node.kwargs)


def _read_by(node: fx.Node) -> list[fx.Node]:
    """Return the images that a step reads."""
    padding = _padding(node)
    return node.all_input_nodes if padding is None else [padding[0]]


_Padding = tuple[fx.Node, tuple[slice, ...], tuple[int, ...]]
"""Of which node what slices are padded, and with how many zeros."""


def _padding(node: fx.Node) -> _Padding | None:
    """Return what a node pads with zeros, or None if it doesn't."""
    if node.target is not pad or len(node.args) != 2:
        return None
    if {"mode": "constant", "value": None} | node.kwargs != {"mode": "constant", "value": None}:
        return None
    source: Any = node.args[0]
    pads: Any = node.args[1]
    if not isinstance(pads, (tuple, list)) or len(pads) % 2 or len(pads) > 8:
        return None
    if not isinstance(source, fx.Node) or not all(type(n) is int and n >= 0 for n in pads):
        return None
    if _is_slicing(source):
        images, key = source.args
        return cast("_Padding", (images, key, tuple(pads)))
    return source, (), tuple(pads)


def _is_selecting(node: fx.Node) -> bool:
    """Tell whether a node takes slices of images for the next one, which pads them."""
    return _is_slicing(node) and _padding(node.next) is not None


def _is_slicing(node: fx.Node) -> bool:
    """Tell whether a node takes slices of images for the next one alone."""
    if node.target is not getitem or not isinstance(node.args[0], fx.Node):
        return False
    key: Any = node.args[1]
    if list(node.users) != [node.next] or not isinstance(key, tuple) or len(key) > 4:
        return False
    if not all(type(each) is slice and (each.step or 1) in range(1, 1 << 30) for each in key):
        return False
    numbers = (number for each in key for number in (each.start, each.stop))
    return all(number is None or type(number) is int for number in numbers)


def _is_ready(module: Any) -> bool:
    """Tell whether calling a module does now what a step would."""
    own = module._parameters
    if own.get("weight") is None or "bias" not in own or not is_plain(module):
        return False
    if type(module) is Conv2d:
        return True
    buffers = module._buffers
    is_known = None not in map(buffers.get, _RUNNING)
    follows = is_known and module.track_running_stats and module.momentum is not None
    return type(module) is BatchNorm2d and module.training and follows and own["bias"] is not None


_RUNNING = "running_mean", "running_var", "num_batches_tracked"
