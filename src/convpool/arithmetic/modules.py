"""The report of a net of modules: which ones are called, with what size and cost, as values."""

from dataclasses import dataclass
from typing import Any

from convpool.arithmetic.field import ReceptiveField
from convpool.arithmetic.sizes import Shape
from convpool.spec import LayerSpec


@dataclass(frozen=True)
class ModuleCall:
    """One call of a module."""

    name: str
    """Its path in the net, such as "features.0"; "" for the net itself."""
    layer: str
    """Its class, and for a layer without parts its repr."""
    output_shape: Shape | None
    """Shape of what it returns, None if that isn't one tensor."""
    parameters: int
    """Numbers in its parameters, parts included; 0 if an earlier call has them already."""
    macs: int
    """Products with weights, of convolutions and linear layers, over the batch; parts included."""
    field: ReceptiveField | None = None
    """What one pixel of the output sees; None where other than known layers lead to it."""
    spec: LayerSpec | None = None
    """The layer as a value, if it is one of the five kinds."""
    input_shape: Shape | None = None
    """Shape of its first argument, None if that isn't a tensor."""

    @property
    def depth(self) -> int:
        """How many modules it is part of."""
        return self.name.count(".") + bool(self.name)


@dataclass(frozen=True)
class NetReport:
    """The calls of a net's modules, the net first, its parts in the order of the calls."""

    input_shape: Shape
    calls: tuple[ModuleCall, ...]

    @property
    def output_shape(self) -> Shape | None:
        """Shape of what the net returns, None if that isn't one tensor."""
        return self.calls[0].output_shape

    @property
    def parameters(self) -> int:
        """Numbers in all parameters."""
        return self.calls[0].parameters

    @property
    def macs(self) -> int:
        """Products with weights of all calls."""
        return self.calls[0].macs

    @property
    def has_fields(self) -> bool:
        """Whether the receptive field of any call is known."""
        return any(call.field is not None for call in self.calls)


def net_record(report: NetReport) -> dict[str, Any]:
    """Return {"input_shape", "modules": […], "total"} in plain dicts and lists, for JSON.

    Shapes have the batch in them; MACs count it.

    Example:
        >>> call = ModuleCall("", "Identity()", (1, 3, 8, 8), 0, 0)
        >>> net_record(NetReport((1, 3, 8, 8), (call,)))["total"]["output_shape"]
        [1, 3, 8, 8]
    """
    calls = [{"module": call.name, "layer": call.layer, **_numbers(call)} for call in report.calls]
    total = {name: calls[0][name] for name in ("output_shape", "parameters", "macs")}
    return {"input_shape": list(report.input_shape), "modules": calls, "total": total}


def _numbers(call: ModuleCall) -> dict[str, Any]:
    return {
        "output_shape": None if call.output_shape is None else list(call.output_shape),
        "parameters": call.parameters,
        "macs": call.macs,
        "receptive_field": None if call.field is None else list(call.field.size),
    }
