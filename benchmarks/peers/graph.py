"""A layer as an ONNX model, which two of the peers read."""

from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper

from convpool.bench.task import Array, Task
from convpool.spec import AvgPool2dSpec, ConvolutionSpec

_NODES = {
    "conv2d": "Conv",
    "conv_transpose2d": "ConvTranspose",
    "max_pool2d": "MaxPool",
    "avg_pool2d": "AveragePool",
}
_OPSET, _FORMAT = 17, 8


def model(task: Task) -> bytes | None:
    """Return a model of one node from "input" to "output", with its weights, or None.

    ONNX knows (N, C, H, W) alone, and its indices count across planes; gradients it has none.
    """
    case, spec = task.case, task.case.spec
    if task.layout != "nchw" or case.op not in _NODES or case.backward:
        return None
    (top, bottom), (left, right) = spec.pads
    attributes: dict[str, Any] = {
        "kernel_shape": spec.kernel_size,
        "strides": spec.stride,
        "pads": [top, left, bottom, right],
    }
    if isinstance(spec, AvgPool2dSpec):
        attributes["count_include_pad"] = int(spec.count_include_pad)
    else:
        attributes["dilations"] = spec.dilation
    weights: dict[str, Array] = {}
    if isinstance(spec, ConvolutionSpec):
        attributes["group"] = spec.groups
        weights = dict(zip(("weight", "bias"), task.arrays[1:], strict=True))
    node = helper.make_node(_NODES[case.op], ["input", *weights], ["output"], **attributes)
    graph = helper.make_graph(
        [node],
        case.op,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, case.shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, case.output_shape)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    made.ir_version = _FORMAT
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())
