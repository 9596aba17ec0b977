"""Which engine carries out a layer on a tensor, and why not the ones before it."""

from torch import Tensor

from convpool.arithmetic import output_shape
from convpool.bridge.functions import is_covered
from convpool.bridge.tensors import COMPARED, FLOATS, check_tensors
from convpool.dispatch import plan
from convpool.functional.calls import operation
from convpool.notation import parse_layer
from convpool.spec import LayerSpec, MaxPool2dSpec, MaxUnpool2dSpec


def explain(layer: LayerSpec | str, input: Tensor) -> str:
    """Return the choice of an engine as text, one line an engine.

    Args:
        layer: a layer as a value or as text, such as "MaxPool2d(2)".
        input: images (N, C, H, W) or (C, H, W), on any device.

    Raises:
        ArgumentError, ArgumentTypeError: the layer can't take the tensor.

    Example:
        >>> import torch
        >>> print(explain("MaxPool2d(2)", torch.ones(1, 3, 8, 8, dtype=torch.bfloat16)))
        max_pool2d of MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
        on (3, 8, 8) bfloat16, cpu
        refused: kernels (no kernel for bfloat16 on cpu)
        chosen: PyTorch's own operator
    """
    spec = parse_layer(layer) if isinstance(layer, str) else layer
    check_tensors(input=input)
    output_shape(spec, input.shape)
    dtype, device = str(input.dtype).removeprefix("torch."), input.device.type
    compares = isinstance(spec, MaxPool2dSpec | MaxUnpool2dSpec)
    shape = tuple(input.shape[-3:])
    if is_covered(input, COMPARED if compares else FLOATS, casts=False):
        return plan(operation(spec), spec, shape, dtype).explain()
    lines = [
        f"{operation(spec)} of {spec}",
        f"on {shape} {dtype}, {device}",
        f"refused: kernels (no kernel for {dtype} on {device})",
        "chosen: PyTorch's own operator",
    ]
    return "\n".join(lines)
