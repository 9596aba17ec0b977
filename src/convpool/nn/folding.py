"""Makes BatchNorm2d, and ReLU, a part of the convolution before it, for evaluation."""

import operator
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.passes.shape_prop import ShapeProp, TensorMetadata
from torch.nn import Module
from torch.nn.utils.fusion import fuse_conv_bn_eval

from convpool.errors import ArgumentError
from convpool.functional.layers import conv2d_spec
from convpool.nn.modules import Conv2d
from convpool.nn.swapping import SWAPS, Report, accelerate, check_module
from convpool.spec import Activation

TOLERANCE = 1e-4
"""Largest difference allowed, relative to the largest output."""
_RELU = Activation(slope=0.0)


class ConvReLU2d(Conv2d):
    """A convolution whose result's negative numbers become 0; `fold` makes it."""

    def forward(self, input: Tensor, residual: Tensor | None = None) -> Tensor:
        """Return max(convolution + residual, 0)."""
        packing = self._kept()
        if packing is not None:
            layer = self.stride, self.padding, self.dilation, self.groups, self.padding_mode
            output = packing.convolve(
                input, self.weight, self.bias, conv2d_spec, layer, _RELU, residual
            )
            if output is not None:
                return output
        output = self._conv_forward(input, self.weight, self.bias)
        return torch.relu(output if residual is None else output + residual)

    def _get_name(self) -> str:
        return "ConvReLU2d"


def fold(model: Module, sample: Tensor) -> Report:
    """Return a copy of a model for evaluation, in which convolutions include what follows them.

    Where the result of a Conv2d goes to a BatchNorm2d alone, the two become one convolution, and
    with the ReLU that follows one that also cuts; the sum with another branch may stand between, as
    in residual networks, if both have the same shape on the sample. The other layers are swapped as
    by `accelerate`. The model must be in evaluation, and such that torch.fx can trace it; it isn't
    changed.

    Args:
        model: the module.
        sample: an input, on which the copy's output is compared with the model's.

    Returns:
        The report, with the copy in it.

    Raises:
        ArgumentTypeError: the model isn't a module.
        ArgumentError: it is in training, can't be traced, or the outputs differ by more than 1e-4
            of the largest one.

    Example:
        >>> layers = torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU()
        >>> print(fold(torch.nn.Sequential(*layers).eval(), torch.ones(1, 3, 8, 8)).model)
        GraphModule(
          (0): ConvReLU2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
        )
        <BLANKLINE>
        ...
    """
    check_module(model)
    if model.training:
        raise ArgumentError("model.training", True, "False: call model.eval() first")
    shared = accelerate(model, copy=True)
    try:
        traced = fx.GraphModule(shared.model, _Tracer().trace(shared.model))
    except Exception as error:
        expected = f"traceable by torch.fx: {error}"
        raise ArgumentError("model", type(model).__name__, expected) from error
    with torch.no_grad():
        ShapeProp(traced).propagate(sample)
    folded = _fold_all(traced)
    traced.graph.lint()
    traced.recompile()
    traced.delete_all_unused_submodules()
    _compare(model, traced, sample)
    return Report(traced, shared.swapped, shared.left, tuple(folded))


class _Tracer(fx.Tracer):
    """Looks into all modules but PyTorch's own and convpool's."""

    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Tell whether a module stays one node."""
        return type(m) in SWAPS.values() or super().is_leaf_module(m, module_qualified_name)


def _fold_all(traced: fx.GraphModule) -> list[str]:
    parts = dict(traced.named_modules())
    folded = []
    for node in list(traced.graph.nodes):
        norm = _only_user(node)
        if norm is None or type(_part(parts, node)) is not Conv2d:
            continue
        if type(_part(parts, norm)) is not torch.nn.BatchNorm2d or _is_shared(traced, node, norm):
            continue
        if parts[norm.target].running_mean is None:
            continue
        fused: Any = fuse_conv_bn_eval(parts[node.target], parts[norm.target])
        chain, residual = _followers(parts, norm)
        fused.__class__ = ConvReLU2d if len(chain) > 1 else Conv2d
        traced.set_submodule(node.target, fused)
        with traced.graph.inserting_before(chain[-1]):  # where the residual is there, too
            given = node.args if residual is None else (*node.args, residual)
            call = traced.graph.call_module(node.target, given, node.kwargs)
        call.meta = chain[-1].meta  # the shape
        chain[-1].replace_all_uses_with(call)
        for gone in (*reversed(chain), node):
            traced.graph.erase_node(gone)
        folded.append(node.target)
    return folded


def _followers(
    parts: dict[str, Module], norm: fx.Node
) -> tuple[tuple[fx.Node, ...], fx.Node | None]:
    """Return what becomes part of a convolution, its norm first, and what is added to it."""
    after = _only_user(norm)
    if after is None:
        return (norm,), None
    if _is_relu(parts, after):
        return (norm, after), None
    relu, residual = _only_user(after), _residual(after, norm)
    if relu is None or residual is None or not _is_relu(parts, relu):
        return (norm,), None
    return (norm, after, relu), residual


def _residual(sum_: fx.Node, norm: fx.Node) -> fx.Node | None:
    """Return the other branch of a sum of two tensors of the same shape."""
    functions = (operator.add, operator.iadd, torch.add)
    adds = sum_.op == "call_function" and sum_.target in functions
    adds = adds or (sum_.op == "call_method" and sum_.target in ("add", "add_"))
    if not adds or len(sum_.args) != 2 or sum_.kwargs:
        return None
    if sum_.target in (operator.iadd, "add_") and sum_.args[0] is not norm:
        return None  # the other branch becomes the sum, for whoever reads it later
    others = [other for other in sum_.args if other is not norm and isinstance(other, fx.Node)]
    if len(others) != 1 or _shape(others[0]) is None or _shape(others[0]) != _shape(norm):
        return None
    return others[0]


def _shape(node: fx.Node) -> tuple[int, ...] | None:
    known = node.meta.get("tensor_meta")
    return tuple(known.shape) if isinstance(known, TensorMetadata) else None


def _part(parts: dict[str, Module], node: fx.Node) -> Module | None:
    return parts.get(str(node.target)) if node.op == "call_module" else None


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _is_shared(traced: fx.GraphModule, *nodes: fx.Node) -> bool:
    """Tell whether the model calls one of the modules more than once."""
    targets = [node.target for node in traced.graph.nodes if node.op == "call_module"]
    return any(targets.count(node.target) > 1 for node in nodes)


def _is_relu(parts: dict[str, Module], node: fx.Node) -> bool:
    functions = (torch.relu, torch.relu_, torch.nn.functional.relu)
    if node.op == "call_function":
        return node.target in functions
    if node.op == "call_method":
        return node.target in ("relu", "relu_")
    return type(_part(parts, node)) is torch.nn.ReLU


def _compare(model: Module, copy: Module, sample: Tensor) -> None:
    with torch.no_grad():
        pairs = zip(_tensors(model(sample)), _tensors(copy(sample)), strict=True)
        for expected, found in pairs:
            scale = float(expected.abs().max())
            error = float((found - expected).abs().max()) / (scale or 1.0)
            if not error <= TOLERANCE:
                raise ArgumentError(
                    "difference on the sample", error, f"at most {TOLERANCE} of the largest output"
                )


def _tensors(output: Any) -> list[Tensor]:
    if isinstance(output, Tensor):
        return [output]
    parts = output.values() if isinstance(output, dict) else output
    return [tensor for part in parts for tensor in _tensors(part)]
