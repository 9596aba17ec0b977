"""Fused models, of which convolutions and norms that follow each other are one step of autograd.

That is done where nothing else may happen between them: in training, for ordinary float32 tensors,
without hooks, modes or compilers. In all other cases the modules are called as the graph says.
"""

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx
from torch.autograd.graph import increment_version
from torch.compiler import is_dynamo_compiling
from torch.fx.node import map_arg
from torch.nn.modules.module import _has_any_global_hook

from convpool.arithmetic import output_shape
from convpool.bridge.segments import Convolution, Norm, Segment, Step
from convpool.bridge.tensors import arrays_of
from convpool.errors import ArgumentError
from convpool.functional.layers import conv2d_calls
from convpool.nn.chains import is_plain
from convpool.nn.modules import BatchNorm2d, Conv2d
from convpool.nn.sequences import Part, PlannedModel, Values, call_node, caller, is_chain, links

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
        for is_layer, group in groupby(nodes[1:-1], partial(_is_layer, model)):
            members = list(group)
            if is_layer and len(members) > 1:
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
        self._layers: list[tuple[fx.Node, Any]] = [
            (node, model.get_submodule(str(node.target))) for node in nodes
        ]
        own = set(nodes)
        read = dict.fromkeys(each for node in nodes for each in node.all_input_nodes)
        self._read = [node for node in read if node not in own]
        self._numbers = {node: at for at, node in enumerate((*self._read, *nodes))}
        self._returned = [node for node in nodes if not node.users.keys() <= own]
        self._fitting: dict[Hashable, bool] = {}

    def __call__(self, values: Values) -> None:
        """Put what others read among the values."""
        made = self._made([values[node] for node in self._read])
        if made is None:
            for node, module in self._layers:
                call_node(node, module, values)
        else:
            values.update(zip(self._returned, made, strict=True))

    def _made(self, images: list[Any]) -> tuple[Tensor, ...] | None:
        """Return what is made by one call, or None if that mustn't be."""
        if not all(_is_ready(module) for _, module in self._layers):
            return None
        tensors = images + [each for _, module in self._layers for each in _parameters(module)]
        arrays, records = arrays_of(_FLOAT, *tensors)
        followed = [each for _, module in self._layers for each in _running(module)]
        running, learns = arrays_of(_FLOAT, *followed)
        if arrays is None or running is None or learns or not records:
            return None
        if not all(array.flags.c_contiguous for array in (*arrays, *running)):
            return None
        steps = self._steps(running)
        if not self._fits(steps, arrays):
            return None
        for _, module in self._layers:
            if type(module) is BatchNorm2d and module.num_batches_tracked is not None:
                module.num_batches_tracked.add_(1)
        returned = [self._numbers[node] for node in self._returned]
        made: tuple[Tensor, ...] = Segment.apply(steps, returned, arrays, len(images), *tensors)
        increment_version(followed)
        return made

    def _steps(self, running: list[Any]) -> list[Step]:
        """Return the steps, norms with arrays of the running numbers."""
        steps: list[Step] = []
        place, follows = 0, iter(running)
        for node, module in self._layers:
            own = self._numbers[node.args[0]]  # type: ignore[index]
            if type(module) is Conv2d:
                weight, bias = module.weight, module.bias
                layer = module.stride, module.padding, module.dilation, module.groups
                kind = *layer, module.padding_mode, bias is not None
                calls = conv2d_calls(tuple(weight.shape), *kind)
                at = None if bias is None else place + 1
                steps.append(Convolution(calls, module.precision, own, place, at))
                place += 1 + (bias is not None)
            else:
                added = node.kwargs.get("residual")
                residual = None if added is None else self._numbers[added]  # type: ignore[index]
                rectifies = bool(node.kwargs.get("rectifies"))
                numbers = next(follows), next(follows), module.momentum
                rest = module.eps, numbers, rectifies
                steps.append(Norm(own, residual, place, place + 1, *rest))
                place += 2
        return steps

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
        if type(step) is Convolution:
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


def _is_layer(model: fx.GraphModule, node: fx.Node) -> bool:
    """Tell whether a node may be a step."""
    if node.op != "call_module" or len(node.args) != 1 or not isinstance(node.args[0], fx.Node):
        return False
    kind = type(model.get_submodule(str(node.target)))
    if kind is Conv2d:
        return not node.kwargs
    return kind is BatchNorm2d and ("residual" not in node.kwargs or "rectifies" in node.kwargs)


def _is_ready(module: Any) -> bool:
    """Tell whether calling a module does now what a step would."""
    if not is_plain(module) or not module._parameters.keys() >= {"weight", "bias"}:
        return False
    if type(module) is Conv2d:
        return module.weight is not None
    is_known = module.running_mean is not None and module.running_var is not None
    has_count = module.num_batches_tracked is not None and module.momentum is not None
    follows = is_known and has_count and module.track_running_stats
    return type(module) is BatchNorm2d and module.training and follows and module.affine


def _parameters(module: Any) -> list[Tensor]:
    own = module._parameters["weight"], module._parameters["bias"]
    return [each for each in own if each is not None]


def _running(module: Any) -> list[Any]:
    return [module.running_mean, module.running_var] if type(module) is BatchNorm2d else []
