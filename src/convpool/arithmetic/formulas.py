"""The formulas of a layer's numbers with those of the case put in, as text for people."""

from convpool.arithmetic.axes import Stamp, Window
from convpool.arithmetic.cost import macs, parameters
from convpool.arithmetic.field import AxisField
from convpool.arithmetic.network import LayerReport
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec, LayerSpec

NO_WEIGHTS = "0 (no weights)"


def parameters_formula(spec: LayerSpec) -> str:
    """Return how the number of weights and biases comes about.

    Example:
        >>> parameters_formula(Conv2dSpec(3, 64, 7))
        '7*7*(3/1)*64 + 64 = 9,472'
    """
    if not isinstance(spec, Conv2dSpec | ConvTranspose2dSpec):
        return NO_WEIGHTS
    kh, kw = spec.kernel_size
    bias = f" + {spec.out_channels}" if spec.bias else ""
    weights = f"{kh}*{kw}*({spec.in_channels}/{spec.groups})*{spec.out_channels}"
    return f"{weights}{bias} = {parameters(spec):,}"


def macs_formula(report: LayerReport) -> str:
    """Return how the dense MACs come about: weights times positions, and images if several.

    Example:
        >>> from convpool.arithmetic.network import chain_report
        >>> macs_formula(chain_report([Conv2dSpec(3, 8, 3)], (3, 5, 5)).layers[0])
        '3*3*(3/1)*8 * 3*3 output pixels = 1,944'
    """
    spec = report.layer
    if not isinstance(spec, Conv2dSpec | ConvTranspose2dSpec):
        return NO_WEIGHTS
    kh, kw = spec.kernel_size
    counted, shape = (
        ("output", report.output_shape)
        if isinstance(spec, Conv2dSpec)
        else ("input", report.input_shape)
    )
    images = f" * {shape[0]} images" if len(shape) == 4 and shape[0] != 1 else ""
    return (
        f"{kh}*{kw}*({spec.in_channels}/{spec.groups})*{spec.out_channels} * "
        f"{shape[-2]}*{shape[-1]} {counted} pixels{images} = {macs(spec, report.input_shape):,}"
    )


def field_formulas(before: AxisField, axis: Window | Stamp) -> tuple[str, str, str]:
    """Return how the receptive field's size, jump and start along one axis come about.

    Example:
        >>> field_formulas(AxisField(), Window(size=5, kernel=3, stride=2, before=1, after=1))
        ('1 + 1*(3-1)*1 = 3', '1*2 = 2', '1/2 + (1*(3-1)/2 - 1)*1 = 1/2')
    """
    after = before.through(axis)
    spread = f"{axis.dilation}*({axis.kernel}-1)"
    jump, start = before.jump, before.start
    growth = f"{before.size} + {after.size - before.size} = {after.size}"
    if isinstance(axis, Window):
        straight = after.size == before.size + (axis.reach - 1) * jump
        return (
            f"{before.size} + {spread}*{jump} = {after.size}"
            if straight
            else f"{growth} (the most that the pixels of a window see together)",
            f"{jump}*{axis.stride} = {after.jump}",
            f"{start} + ({spread}/2 - {axis.before})*{jump} = {after.start}",
        )
    return (
        f"{growth} (input pixels whose stamps meet)",
        f"{jump}/{axis.stride} = {after.jump}",
        f"{start} + ({axis.before} - {spread}/2)*{jump}/{axis.stride} = {after.start}",
    )
