"""Models as graphs of calls, by torch.fx."""

from torch import fx
from torch.nn import Module

from convpool.errors import ArgumentError
from convpool.nn.chains import HOOKS, has_hooks
from convpool.nn.swapping import SWAPS


def trace(model: Module, kind: type[fx.GraphModule] = fx.GraphModule) -> fx.GraphModule:
    """Return a model's graph, with its modules and the hooks of its own.

    It looks into all modules but PyTorch's own, convpool's and those with hooks.

    Raises:
        ArgumentError: torch.fx can't trace it.
    """
    try:
        traced = kind(model, _Tracer().trace(model))
    except Exception as error:
        expected = f"traceable by torch.fx: {error}"
        raise ArgumentError("model", type(model).__name__, expected) from error
    for name in HOOKS:  # which tracing leaves out
        setattr(traced, name, getattr(model, name))
    return traced


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: Module, module_qualified_name: str) -> bool:
        """Tell whether a module stays one node."""
        ours = isinstance(m, tuple(SWAPS.values()))
        return ours or has_hooks(m) or super().is_leaf_module(m, module_qualified_name)
