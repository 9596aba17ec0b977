"""What follows a convolution, or a norm, in a traced model and can become a part of it."""

import operator
from dataclasses import dataclass

import torch
from torch import fx
from torch.fx.passes.shape_prop import TensorMetadata
from torch.nn import BatchNorm2d, Module

from convpool.nn import modules
from convpool.nn.activations import activation_of
from convpool.nn.modules import Conv2d, ConvTranspose2d
from convpool.request import NO_ACTIVATION
from convpool.spec import Activation

_CALLED = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
HOOKS = (
    *_CALLED,
    *("_forward_pre_hooks_with_kwargs", "_forward_hooks_with_kwargs"),
    *("_forward_hooks_always_called", "_is_full_backward_hook"),
)
"""Attributes of a module that say what is called along with it, and how."""
_NORMS = (BatchNorm2d, modules.BatchNorm2d)
_SUMS = (operator.add, operator.iadd, torch.add)
_METHODS_OF_SUMS = ("add", "add_")
_KNOWN = ("torch", "_operator", "builtins", "math", "convpool")
"""Packages whose functions say by their names that they write to an argument."""


@dataclass(frozen=True)
class Chain:
    """A convolution or a norm and what follows: norms, a sum, an activation; each may lack."""

    nodes: tuple[fx.Node, ...]
    """The calls, in order; the convolution's or the norm's is the first one."""
    norms: tuple[BatchNorm2d, ...]
    residual: fx.Node | None
    """What is added before the activation."""
    activation: Activation


def chain_at(traced: fx.GraphModule, node: fx.Node) -> Chain | None:
    """Return the chain that begins at a node, or None if no convolution that can grow is there.

    The chain may be carried out in the place of its last node: each result in it has one reader,
    and nothing that isn't of the chain writes to a tensor before that.

    Args:
        traced: the model, with the shapes that `ShapeProp` finds.
        node: one of its graph's.
    """
    layer = called(traced, node)
    if layer is None or type(layer) not in (Conv2d, ConvTranspose2d):
        return None
    if "weight" not in layer._parameters:  # it is computed
        return None
    if not is_plain(layer) or _is_needed_elsewhere(traced, node, layer):
        return None
    nodes, norms = [node], []
    after = _reader(traced, node)
    while after is not None and (norm := _norm(called(traced, after))) is not None:
        nodes.append(after)
        norms.append(norm)
        after = _reader(traced, after)
    residual = None if after is None else _other_summand(after, nodes[-1])
    if residual is not None and not _are_alike(residual, nodes[-1]):
        residual = None
    if after is not None and residual is not None:
        nodes.append(after)
        after = _reader(traced, after)
    activation = None if after is None else _activation(traced, after)
    if after is not None and activation is not None:
        nodes.append(after)
    return Chain(tuple(nodes), tuple(norms), residual, activation or NO_ACTIVATION)


def norm_chain_at(traced: fx.GraphModule, node: fx.Node) -> Chain | None:
    """Return the chain that begins at a norm and ends with a ReLU, or None if none does.

    As of `chain_at`, but that the sum may be one of different shapes.
    """
    norm = called(traced, node)
    if norm is None or type(norm) is not modules.BatchNorm2d or not is_plain(norm):
        return None
    nodes = [node]
    after = _reader(traced, node)
    residual = None if after is None else _other_summand(after, node)
    if after is not None and residual is not None:
        nodes.append(after)
        after = _reader(traced, after)
    if after is None or _activation(traced, after) != Activation(slope=0.0):
        return None
    return Chain((*nodes, after), (norm,), residual, Activation(slope=0.0))


def called(traced: fx.GraphModule, node: fx.Node) -> Module | None:
    """Return the module that a node calls, or None."""
    return traced.get_submodule(str(node.target)) if node.op == "call_module" else None


def has_hooks(module: Module) -> bool:
    """Tell whether something is to be called along with a module."""
    own = module.__dict__
    return any([own[name] for name in _CALLED])  # noqa: C419 (a generator takes twice as long)


def is_plain(module: Module) -> bool:
    """Tell whether calling a module does what its class says, and no more."""
    return not has_hooks(module) and "forward" not in vars(module)


def _reader(traced: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """Return the one node that reads a result, if nothing between the two writes to a tensor."""
    if len(node.users) != 1:
        return None
    reader, between = next(iter(node.users)), node.next
    while between is not reader:
        if _may_write(traced, between):
            return None
        between = between.next
    return reader


def _norm(module: Module | None) -> BatchNorm2d | None:
    """Return a module if it is a norm by numbers that are known."""
    if not isinstance(module, BatchNorm2d) or type(module) not in _NORMS:
        return None
    if not is_plain(module) or module.training:
        return None
    return None if module.running_mean is None or module.running_var is None else module


def _activation(traced: fx.GraphModule, node: fx.Node) -> Activation | None:
    module = called(traced, node)
    return None if module is not None and not is_plain(module) else activation_of(node, module)


def _other_summand(sum_: fx.Node, summand: fx.Node) -> fx.Node | None:
    """Return what else is a summand, if a sum of two can be made in the place of this one."""
    adds = sum_.op == "call_function" and sum_.target in _SUMS
    adds = adds or (sum_.op == "call_method" and sum_.target in _METHODS_OF_SUMS)
    if not adds or len(sum_.args) != 2 or sum_.kwargs:
        return None
    if sum_.target in (operator.iadd, "add_") and sum_.args[0] is not summand:
        return None  # the other one becomes the sum, for whoever reads it later
    others = [each for each in sum_.args if each is not summand and isinstance(each, fx.Node)]
    return others[0] if len(others) == 1 else None


def _are_alike(one: fx.Node, other: fx.Node) -> bool:
    """Tell whether both are known to be tensors of the same shape and type."""
    kinds = [
        (known.shape, known.dtype) if isinstance(known, TensorMetadata) else None
        for known in (one.meta.get("tensor_meta"), other.meta.get("tensor_meta"))
    ]
    return kinds[0] is not None and kinds[0] == kinds[1]


def _is_needed_elsewhere(traced: fx.GraphModule, node: fx.Node, layer: Module) -> bool:
    """Tell whether more than one node calls a module or reads its parameters."""
    own = {id(layer), *map(id, layer.parameters())}
    for other in traced.graph.nodes:
        if other.op == "get_attr":
            read = [operator.attrgetter(other.target)(traced)]
        else:
            module = None if other is node else called(traced, other)
            read = [] if module is None else list(module.modules())
        if any(id(part) in own for part in read):
            return True
    return False


def _may_write(traced: fx.GraphModule, node: fx.Node) -> bool:
    """Tell whether a node may write to a tensor that others read."""
    module = called(traced, node)
    if module is not None:
        inside = module.modules()
        return not is_plain(module) or any(getattr(part, "inplace", False) for part in inside)
    if node.op not in ("call_function", "call_method"):
        return False
    if node.kwargs.get("inplace") or "out" in node.kwargs:
        return True
    if isinstance(node.target, str):
        return _names_a_writer(node.target)
    package = (getattr(node.target, "__module__", None) or "torch").partition(".")[0]
    if package not in _KNOWN or (package == "_operator" and node.target.__name__[0] == "i"):
        return True  # somebody's own; iadd and the like
    return _names_a_writer(getattr(node.target, "__name__", ""))


def _names_a_writer(name: str) -> bool:
    """Tell by PyTorch's convention, `relu_`, and Python's, `__iadd__` and `setitem`."""
    if name.endswith("__"):
        return name.startswith("__i")
    return name.endswith("_") or name == "setitem"
