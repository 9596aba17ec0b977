"""A layer as an ONNX model, which two of the peers read."""

from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.task import Array, Task

_NODES = {"conv2d": "Conv", "conv_transpose2d": "ConvTranspose", "max_pool2d": "MaxPool"}
_OPSET, _FORMAT = 17, 8


def model(task: Task) -> bytes | None:
    """Return a model of one node from "input" to "output", with its weights, or None.

    ONNX knows (N, C, H, W) alone, and its indices count across planes; gradients it has none.
    """
    case = task.case
    if task.layout != "nchw" or case.op not in _NODES or case.backward:
        return None
    attributes: dict[str, Any] = {
        "kernel_shape": [case.kh, case.kw],
        "strides": [case.stride] * 2,
        "pads": [case.pad_h, case.pad_w] * 2,
        "dilations": [case.dilation] * 2,
    }
    weights: dict[str, Array] = {}
    if case.is_convolution:
        attributes["group"] = case.groups
        weights = dict(zip(("weight", "bias"), task.arrays[1:], strict=True))
    node = helper.make_node(_NODES[case.op], ["input", *weights], ["output"], **attributes)
    graph = helper.make_graph(
        [node],
        case.layer,
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, case.shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, case.output_shape)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    made.ir_version = _FORMAT
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())
