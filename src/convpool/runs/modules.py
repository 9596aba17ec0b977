"""A module of PyTorch as the net of a run; imported for such a net alone, as it imports torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from convpool.arithmetic import net_record
from convpool.errors import ArgumentError
from convpool.nn.layers import layer_of
from convpool.nn.running import ModuleOutput, report_on, run_on
from convpool.notation import shape_text
from convpool.runs.net import Array, Output, Values
from convpool.spec import LayerSpec
from convpool.weights import LayerWeights


class ModuleNet:
    """A `torch.nn.Module` with the weights that it has.

    Args:
        net: the module.
        image_shape: (C, H, W) of the images.
        every_layer: return the outputs of the modules in it as well.

    Raises:
        ArgumentError: the net can't take such images.
    """

    weights = "the net's own"

    def __init__(self, net: Any, image_shape: Sequence[int], every_layer: bool) -> None:
        self.report = report_on(net, image_shape)
        self._net, self._every = net, every_layer

    @property
    def first_layer(self) -> tuple[LayerSpec, LayerWeights | None]:
        """The first module without parts that is called, if it is a layer."""
        modules = dict(self._net.named_modules())
        parts = (modules[call.name] for call in self.report.calls)
        first = next(part for part in parts if next(part.children(), None) is None)
        layer = layer_of(first)
        if layer is None:
            right = f"left out: {type(first).__name__}, which comes first, is no layer to be shown"
            raise ArgumentError("animate", True, right)
        if not hasattr(first, "weight"):
            return layer, None
        bias = None if first.bias is None else first.bias.detach().cpu().float().numpy()
        return layer, LayerWeights(first.weight.detach().cpu().float().numpy(), bias)

    def forward(self, images: Array) -> list[Output]:
        """Return the modules' outputs, or the net's alone."""
        return [_output(made) for made in run_on(self._net, images, every_module=self._every)]

    def table(self) -> str:
        """Return the report as a Markdown table."""
        rows = [
            f"| {call.name} | `{call.layer}` | "
            f"{'' if call.output_shape is None else shape_text(call.output_shape)} "
            f"| {call.parameters:,} | {call.macs:,} |"
            for call in self.report.calls
        ]
        return "\n".join(["| module | | output | parameters | MACs |", "|-|-|-|-|-|", *rows])

    def record(self, values: Mapping[str, Values]) -> dict[str, Any]:
        """Return the report, and the values of the outputs by tag."""
        seen = {tag: value.record for tag, value in values.items()}
        return {**net_record(self.report), "values": seen}


def _output(made: ModuleOutput) -> Output:
    kind = type(made.module).__name__
    contains = next(made.module.children(), None) is not None
    text = kind if contains else repr(made.module)
    if not made.name:
        return Output("output", text, made.maps)
    again = "" if made.call == 1 else f"-{made.call}"
    return Output(f"{made.name}-{kind}{again}", f"{made.name}{again}: {text}", made.maps)
