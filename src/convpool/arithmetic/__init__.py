"""Sizes, parameters, cost and receptive fields: exact, instant, standard library only.

Each rule stands here once; kernels, pictures, tables and commands ask for it and never repeat it.
"""

from convpool.arithmetic.axes import Axis, Stamp, Window, stamp_axes, window_axes
from convpool.arithmetic.cost import Memory, effective_macs, macs, memory, parameters
from convpool.arithmetic.field import AxisField, ReceptiveField, receptive_field
from convpool.arithmetic.formulas import field_formulas, macs_formula, parameters_formula
from convpool.arithmetic.modules import ModuleCall, NetReport, net_record
from convpool.arithmetic.network import ChainReport, LayerReport, chain_report
from convpool.arithmetic.padding import source_index, strided_same
from convpool.arithmetic.record import chain_record
from convpool.arithmetic.sizes import (
    Shape,
    axes_of,
    check_capacity,
    output_shape,
    unpooled_plane,
    with_output_size,
)

__all__ = [
    "Axis",
    "AxisField",
    "ChainReport",
    "LayerReport",
    "Memory",
    "ModuleCall",
    "NetReport",
    "ReceptiveField",
    "Shape",
    "Stamp",
    "Window",
    "axes_of",
    "chain_record",
    "chain_report",
    "check_capacity",
    "effective_macs",
    "field_formulas",
    "macs",
    "macs_formula",
    "memory",
    "net_record",
    "output_shape",
    "parameters",
    "parameters_formula",
    "receptive_field",
    "source_index",
    "stamp_axes",
    "strided_same",
    "unpooled_plane",
    "window_axes",
    "with_output_size",
]
