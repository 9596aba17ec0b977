"""Makes norms, sums and activations a part of the convolution before them, for evaluation."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import Identity, Module
from torch.nn import functional as F  # noqa: N812 (its usual name)
from torch.nn.modules import dropout
from torch.nn.parameter import is_lazy

from convpool.errors import ArgumentError
from convpool.nn.chains import called, chain_at, is_plain
from convpool.nn.folded import take_activation, take_norm
from convpool.nn.sequences import FoldedModel
from convpool.nn.swapping import MARK, Report, accelerate, check_module
from convpool.nn.tracing import trace

TOLERANCE = 1e-4
"""Largest difference allowed, relative to the largest output."""
_IDLE = (Identity, *(getattr(dropout, name) for name in dropout.__all__))
_DROPOUTS = (
    *(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d),
    *(F.alpha_dropout, F.feature_alpha_dropout),
)


def fold(model: Module, sample: Tensor) -> Report:
    """Return a copy of a model for evaluation, in which convolutions include what follows them.

    A Conv2d or ConvTranspose2d takes in what follows it, as far as nobody else reads the result in
    between: a BatchNorm2d; then the sum with another tensor, as in residual networks, if both have
    the same shape on the sample; then a ReLU, ReLU6 or LeakyReLU, as a module, function or method
    and in place or not. Identity and Dropout are left out. What is called twice, trains, has hooks
    or is parametrized stays as it is, a module around others with hooks as a whole. The other
    layers are swapped as by `accelerate`. The model must be in evaluation, and such that torch.fx
    can trace it; it isn't changed.

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
        >>> layers = torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU6()
        >>> report = fold(torch.nn.Sequential(*layers).eval(), torch.ones(1, 3, 8, 8))
        >>> report.folded
        ('0',)
        >>> report.model.get_submodule("0").activation
        Activation(slope=0.0, ceiling=6.0)
    """
    check_module(model)
    if model.training:
        raise ArgumentError("model.training", True, "False: call model.eval() first")
    shared = accelerate(model, copy=True)
    traced = trace(shared.model, FoldedModel)
    _drop_idle(traced)
    with _undisturbed(model):
        ShapeProp(traced).propagate(sample.clone())
    folded = _fold_all(traced)
    traced.graph.lint()
    traced.recompile()
    traced.delete_all_unused_submodules()
    _compare(model, traced, sample)
    return Report(traced, shared.swapped, shared.left, tuple(folded))


def _drop_idle(traced: fx.GraphModule) -> None:
    """Take out what gives back its input: Identity, and Dropout in evaluation."""
    for node in traced.graph.nodes:
        module = called(traced, node)
        if module is not None:
            at_rest = type(module) is Identity or not module.training
            idle = type(module) in _IDLE and at_rest and is_plain(module)
        else:
            idle = node.target in _DROPOUTS and node.kwargs.get("training") is False
        if idle and node.args:
            node.replace_all_uses_with(node.args[0])
            traced.graph.erase_node(node)


def _fold_all(traced: fx.GraphModule) -> list[str]:
    """Put each chain's work into its convolution, and return the names of these."""
    folded = []
    for node in list(traced.graph.nodes):
        chain = chain_at(traced, node)
        if chain is None or len(chain.nodes) == 1:
            continue
        layer: Any = called(traced, node)
        for norm in chain.norms:
            take_norm(layer, norm)
        if chain.residual is not None or not chain.activation.is_identity:
            take_activation(layer, chain.activation)
            layer.__dict__.pop(MARK, None)  # nothing restores what it does now
        added = {} if chain.residual is None else {"residual": chain.residual}
        last = chain.nodes[-1]
        with traced.graph.inserting_before(last):  # where the residual is there, too
            call = traced.graph.call_module(str(node.target), node.args, {**node.kwargs, **added})
        call.meta = last.meta  # the shape
        last.replace_all_uses_with(call)
        for gone in reversed(chain.nodes):
            traced.graph.erase_node(gone)
        folded.append(str(node.target))
    return folded


@contextmanager
def _undisturbed(model: Module) -> Iterator[None]:
    """Let a model run, of which parts may be in training, with always the same random numbers."""
    buffers = [buffer for buffer in model.buffers() if not is_lazy(buffer)]
    before = [buffer.clone() for buffer in buffers]
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
        for buffer, content in zip(buffers, before, strict=True):
            buffer.copy_(content)


def _compare(model: Module, copy: Module, sample: Tensor) -> None:
    outputs = []
    for each in (model, copy):
        with _undisturbed(model):
            outputs.append(_tensors(each(sample.clone())))
    for expected, found in zip(*outputs, strict=True):
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
