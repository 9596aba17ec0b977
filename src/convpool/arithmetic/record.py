"""A chain's report as plain dicts and lists, the form that goes into JSON files."""

from fractions import Fraction
from typing import Any

from convpool.arithmetic.cost import Memory
from convpool.arithmetic.field import ReceptiveField
from convpool.arithmetic.network import ChainReport, LayerReport


def chain_record(report: ChainReport) -> dict[str, Any]:
    """Return {"input_shape", "batch", "layers": […], "total"}.

    Shapes are [C, H, W] and the batch stands apart; MACs and bytes count the whole batch; what
    differs by axis is [vertical, horizontal].

    Example:
        >>> from convpool.arithmetic import chain_report
        >>> from convpool.spec import MaxPool2dSpec
        >>> chain_record(chain_report([MaxPool2dSpec(2)], (3, 32, 32)))["total"]["output_shape"]
        [3, 16, 16]
    """
    shape = report.input_shape
    return {
        "input_shape": list(shape[-3:]),
        "batch": shape[0] if len(shape) == 4 else 1,
        "layers": [_layer(layer) for layer in report.layers],
        "total": _numbers(report),
    }


def _layer(report: LayerReport) -> dict[str, Any]:
    height, width = report.formulas
    return {
        "layer": str(report.layer),
        **_numbers(report),
        "formula": {"height": height, "width": width},
    }


def _numbers(report: ChainReport | LayerReport) -> dict[str, Any]:
    return {
        "output_shape": list(report.output_shape[-3:]),
        "parameters": report.parameters,
        "macs": report.macs,
        "effective_macs": report.effective_macs,
        "memory": _memory(report.memory),
        "receptive_field": _field(report.field),
    }


def _memory(memory: Memory) -> dict[str, int]:
    return {"input": memory.input, "output": memory.output, "parameters": memory.parameters}


def _field(field: ReceptiveField) -> dict[str, Any]:
    return {
        "size": list(field.size),
        "jump": [_number(jump) for jump in field.jump],
        "start": [_number(start) for start in field.start],
    }


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)
