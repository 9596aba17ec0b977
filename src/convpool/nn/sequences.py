"""Folded models, of which convolutions that follow each other are carried out by one call.

That is done where nothing else may happen between them: for an ordinary tensor, without gradients,
hooks, modes or compilers, by weights that are packed and haven't changed. In all other cases, and
for images whose output isn't trusted, the modules are called as the graph says.
"""

import operator
from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor, from_numpy, fx
from torch.compiler import is_dynamo_compiling
from torch.fx.node import map_arg
from torch.nn import Module
from torch.nn.modules.module import _has_any_global_hook

from convpool.bridge.tensors import array_of
from convpool.nn.chains import is_plain
from convpool.nn.folded import FoldedConv2d
from convpool.nn.modules import Conv2d
from convpool.precisions import get_precision, under
from convpool.threads import get_num_threads, using

_FLOAT = frozenset({torch.float32})
_MOST_PLANS = 4  # of a model
_MOST_BYTES = 64 << 20  # of the tensors within a sequence, which keeps memory for them
Values = dict[fx.Node, Any]
Part = Callable[[Values], None]


class PlannedModel(fx.GraphModule):
    """A graph of modules that may have a way of its own for one ordinary input."""

    def carried_out(self, input: Any) -> Any:
        """Return the output for an input, or None if the graph is to be followed."""
        raise NotImplementedError

    @property
    def plans(self) -> "_Plans":
        """The model's plans, which hang on it, so that they go with it."""
        plans: _Plans = self.__dict__.setdefault("_plans", _Plans())
        return plans

    def recompile(self) -> Any:
        """Make a function of the graph, as PyTorch does, that is used where plans can't be."""
        code = super().recompile()
        kind, by_graph = type(self), type(self).forward

        @wraps(by_graph)
        def forward(self: PlannedModel, *arguments: Any, **named: Any) -> Any:
            output = None
            if len(arguments) == 1 and not named:
                output = self.carried_out(arguments[0])
            return by_graph(self, *arguments, **named) if output is None else output

        kind.forward = forward
        self.__dict__.pop("_plans", None)
        return code


class FoldedModel(PlannedModel):
    """What `fold` returns: a graph of modules."""

    def carried_out(self, input: Any) -> Any:
        """Return the output for an input, by a plan, which the first call makes."""
        return _carried_out(self, input) if _is_ordinary(input) else None


class _Layer(NamedTuple):
    """A convolution as it was when its step was prepared."""

    node: fx.Node
    module: Any
    kind: type
    bound: Any
    precision: str | None

    def is_as_it_was(self) -> bool:
        """Tell whether calling it would still do the same."""
        module: Any = self.module
        if (type(module), module.precision) != (self.kind, self.precision):
            return False
        return is_plain(module) and _bound(module) is self.bound


class _Sequence:
    """Convolutions that follow each other."""

    def __init__(self, layers: list[_Layer], steps: list[Any], values: Values) -> None:
        kernels = import_module("convpool.kernels.convolution.sequence")  # which brings Numba
        self.is_stale = False
        """Whether a layer was found changed."""
        self._layers = layers
        numbers = {layer.node: number for number, layer in enumerate(layers)}
        sizes = {number: values[node].nbytes for node, number in numbers.items()}
        own = set(numbers)
        read = dict.fromkeys(node for layer in layers for node in layer.node.all_input_nodes)
        self._inputs = []
        for node in read:
            if node not in own:
                numbers[node] = len(numbers)
                self._inputs.append((node, numbers[node], tuple(values[node].shape)))
        self._outputs = [(node, numbers[node]) for node in own if not node.users.keys() <= own]
        wiring = []
        for node in (layer.node for layer in layers):
            source, added = node.args[0], node.kwargs.get("residual")
            residual = None if added is None else numbers[added]  # type: ignore[index]
            wiring.append(kernels.Wiring(numbers[source], numbers[node], residual))  # type: ignore[index]
        outputs = {number: tuple(values[node].shape) for node, number in self._outputs}
        self._run = kernels.Sequence(steps, wiring, sizes, outputs)

    def __call__(self, values: Values) -> None:
        """Put the outputs among the values."""
        made = self._made(values)
        if made is None:
            for layer in self._layers:
                call_node(layer.node, layer.module, values)
        else:
            for node, number in self._outputs:
                values[node] = from_numpy(made[number])

    def _made(self, values: Values) -> Any:
        """Return what is made by one call, or None if that mustn't be."""
        if not all(layer.is_as_it_was() for layer in self._layers):
            self.is_stale = True
            return None
        arrays = {}
        for node, number, shape in self._inputs:
            array = array_of(_FLOAT, values[node])
            if array is None or array.shape != shape or not array.flags.c_contiguous:
                return None
            arrays[number] = array
        return self._run(arrays)


class _Plan:
    """How a model is carried out for inputs of one shape."""

    def __init__(self, model: fx.GraphModule, values: Values) -> None:
        nodes = list(model.graph.nodes)
        self._first, self._last = nodes[0], nodes[-1]
        self._links = links(model)
        parts: list[tuple[list[fx.Node], Part]] = []
        prepared = {node: _prepared(model, node, values) for node in nodes[1:-1]}
        for is_step, group in groupby(nodes[1:-1], lambda node: prepared[node] is not None):
            members = list(group)
            inside = sum(values[node].nbytes for node in members) if is_step else 0
            if len(members) > 1 and 0 < inside <= _MOST_BYTES:
                layers, steps = zip(*(prepared[node] for node in members), strict=True)
                parts.append((members, _Sequence(list(layers), list(steps), values)))
            else:
                parts += [([node], caller(model, node)) for node in members]
        self.pays = any(len(members) > 1 for members, _ in parts)
        last = {
            read: at
            for at, (members, _) in enumerate(parts)
            for node in members
            for read in node.all_input_nodes
        }
        kept = set(self._last.all_input_nodes)
        self._parts = [
            (part, [node for node, end in last.items() if end == at and node not in kept])
            for at, (_, part) in enumerate(parts)
        ]

    def is_of_today(self) -> bool:
        """Tell whether the model's modules are those that were there, and found unchanged."""
        if any(part.is_stale for part, _ in self._parts if isinstance(part, _Sequence)):
            return False
        return all(owner.get(name) is module for owner, name, module in self._links)

    def __call__(self, input: Tensor) -> Any:
        """Return the model's output."""
        values: Values = {self._first: input}
        for part, done in self._parts:
            part(values)
            for node in done:  # as PyTorch's function does
                values.pop(node, None)
        return map_arg(self._last.args[0], values.__getitem__)


class _Plans(dict[Any, Any]):
    """Plans, of which none is saved or copied."""

    def __deepcopy__(self, memo: object) -> "_Plans":
        return _Plans()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Plans, ()


def _carried_out(model: FoldedModel, input: Tensor) -> Any:
    threads = torch.get_num_threads()
    plans = model.plans
    key = input.shape, threads, get_precision()
    plan = plans.get(key)
    if plan is not None and plan.is_of_today():
        return _on(threads, plan, input)
    if (plan is None and key in plans) or not is_chain(model):
        return None
    values: Values = {next(iter(model.graph.nodes)): input}
    for node in list(model.graph.nodes)[1:-1]:
        caller(model, node)(values)
    plan = _on(threads, _Plan, model, values)
    if len(plans) >= _MOST_PLANS:
        plans.clear()
    plans[key] = plan if plan.pays else None
    return map_arg(next(reversed(model.graph.nodes)).args[0], values.__getitem__)


def _on(threads: int, function: Callable[..., Any], *arguments: Any) -> Any:
    if threads == get_num_threads():
        return function(*arguments)
    return using(threads, function, *arguments)


def _is_ordinary(input: Any) -> bool:
    """Tell whether a sequence may see to a model's input."""
    if is_dynamo_compiling() or not isinstance(input, Tensor) or torch.is_grad_enabled():
        return False
    return array_of(_FLOAT, input) is not None and not _has_any_global_hook()  # type: ignore[no-untyped-call]


def is_chain(model: fx.GraphModule) -> bool:
    """Tell whether a graph has one input and one output, and what is between can be called."""
    kinds = [node.op for node in model.graph.nodes]
    return [kinds[0], kinds[-1]] == ["placeholder", "output"] and "placeholder" not in kinds[1:]


def links(model: Module) -> list[tuple[dict[str, Any], str, Module]]:
    """Return all modules, each with the modules among which it is, and its name there."""
    return [
        (owner._modules, name, module)
        for owner in model.modules()
        for name, module in owner._modules.items()
        if module is not None
    ]


def _prepared(model: fx.GraphModule, node: fx.Node, values: Values) -> Any:
    """Return a convolution's layer and its step, or None if a node can't be part of a sequence."""
    if node.op != "call_module" or len(node.args) != 1 or not {"residual"} >= node.kwargs.keys():
        return None
    module: Any = model.get_submodule(str(node.target))
    if type(module) not in (Conv2d, FoldedConv2d) or not is_plain(module):
        return None
    for each in (node, *node.all_input_nodes):
        value = values[each]
        if not isinstance(value, Tensor) or value.ndim != 4 or not value.is_contiguous():
            return None
    images = array_of(_FLOAT, values[node.args[0]])  # type: ignore[index]
    bound = _bound(module)
    if images is None or bound is None:
        return None
    step = under(module.precision, bound.step, images)
    return step and (_Layer(node, module, type(module), bound, module.precision), step)


def _bound(module: Any) -> Any:
    """Return a convolution with its packed weights, or None if they aren't, or changed since."""
    packing, weight = module.__dict__.get("_packing"), module._parameters.get("weight")
    if packing is None or weight is None or module.training:
        return None
    layer = module.stride, module.padding, module.dilation, module.groups, module.padding_mode
    return packing.bound(weight, module._parameters.get("bias"), layer)


def caller(model: fx.GraphModule, node: fx.Node) -> Part:
    """Return what puts a node's result among the values."""
    target: Any = node.target
    if node.op == "get_attr":
        return lambda values: values.update({node: operator.attrgetter(target)(model)})
    if node.op == "call_module":
        return partial(call_node, node, model.get_submodule(target))
    return partial(call_node, node, operator.methodcaller if node.op == "call_method" else target)


def call_node(node: fx.Node, function: Any, values: Values) -> None:
    """Put a node's result among the values."""
    arguments = map_arg(node.args, values.__getitem__)
    named = map_arg(node.kwargs, values.__getitem__)
    if function is operator.methodcaller:
        values[node] = getattr(arguments[0], str(node.target))(*arguments[1:], **named)
    else:
        values[node] = function(*arguments, **named)
