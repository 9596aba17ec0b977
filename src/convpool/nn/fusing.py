"""Makes a sum and a ReLU a part of the batch norm before them, for training."""

from torch import fx
from torch.nn import Module

from convpool.errors import ArgumentError
from convpool.nn.chains import Chain, norm_chain_at
from convpool.nn.segments import FusedModel
from convpool.nn.swapping import MARK, Report, accelerate, check_module
from convpool.nn.tracing import trace


def fuse(model: Module) -> Report:
    """Return a copy of a model, for training, in which batch norms include what follows them.

    A BatchNorm2d takes in, as far as nobody else reads the result in between, the sum with another
    tensor, as in residual networks, and the ReLU after that, or a ReLU alone; as a module, function
    or method, and in place or not. Forward and backward, numbers are then written to memory and
    read from it once less. What has hooks stays as it is, a module around others with hooks as a
    whole. All layers are swapped as by `accelerate`.

    The copy shares parameters and buffers with the model, under the same names: optimizers and
    checkpoints of the one are those of the other. It can be set to evaluation and back.

    Args:
        model: a module such that torch.fx can trace it, alike in training and evaluation.

    Returns:
        The report, with the copy in it.

    Raises:
        ArgumentTypeError: the model isn't a module.
        ArgumentError: it can't be traced, or asks itself whether it is in training.

    Example:
        >>> from torch import nn
        >>> report = fuse(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()))
        >>> report.folded
        ('1',)
        >>> list(report.model.state_dict())[:3]
        ['0.weight', '0.bias', '1.weight']
    """
    check_module(model)
    shared = accelerate(model, copy=True)
    traced = _traced(shared.model)
    fused = []
    for node in list(traced.graph.nodes):
        chain = norm_chain_at(traced, node)
        if chain is not None:
            _fuse(traced, chain)
            fused.append(str(node.target))
    traced.graph.lint()
    traced.recompile()
    return Report(traced, shared.swapped, shared.left, tuple(fused))


def _traced(model: Module) -> fx.GraphModule:
    """Return the model as a graph that holds in training and in evaluation."""
    modes = [(module, module.training) for module in model.modules()]
    graphs = []
    for mode in (False, True):
        for module, _ in modes:
            module.training = mode
        traced = trace(model, FusedModel)
        graphs.append(str(traced.graph))
    for module, mode in modes:
        module.training = mode
    if graphs[0] != graphs[1]:
        expected = "alike in training and evaluation: nn.Dropout instead of self.training"
        raise ArgumentError("model", type(model).__name__, expected)
    traced.training = model.training
    traced._modules = dict(model._modules)  # also what isn't called, in its order
    constants = traced._buffers.keys() - model._buffers.keys()
    traced._buffers = {**model._buffers, **traced._buffers}
    traced._parameters = dict(model._parameters)
    traced._non_persistent_buffers_set = {*model._non_persistent_buffers_set, *constants}
    return traced


def _fuse(traced: fx.GraphModule, chain: Chain) -> None:
    """Let the call of a norm take the place of the last one of its chain."""
    norm, *_, last = chain.nodes
    chain.norms[0].__dict__.pop(MARK, None)  # nothing restores what is called with more arguments
    added = {"rectifies": True} | ({} if chain.residual is None else {"residual": chain.residual})
    with traced.graph.inserting_before(last):  # where the residual is there, too
        call = traced.graph.call_module(str(norm.target), norm.args, {**norm.kwargs, **added})
    last.replace_all_uses_with(call)
    for gone in reversed(chain.nodes):
        traced.graph.erase_node(gone)
