"""What a layer costs: parameters, multiplications, bytes.

Conventions. A multiply-accumulate (MAC) is one product with a weight, counted over the batch as
given; FLOPs are 2 MACs. Pooling has no weights, so no MACs. "Dense" MACs count every tap of every
window, as the tables of published networks do; "effective" MACs leave out the products with padding
zeros (or, transposed, those cropped from the output), which no kernel has to compute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from convpool.arithmetic.sizes import axes_of, output_shape
from convpool.spec import Conv2dSpec, ConvolutionSpec, LayerSpec


@dataclass(frozen=True)
class Memory:
    """Bytes of a layer's arrays in one pass."""

    input: int
    output: int
    parameters: int

    @classmethod
    def of(
        cls, shape: Sequence[int], result: Sequence[int], parameters: int, itemsize: int = 4
    ) -> "Memory":
        """Return the bytes of an input, an output and parameters of `itemsize` bytes each."""
        return cls(prod(shape) * itemsize, prod(result) * itemsize, parameters * itemsize)

    @property
    def total(self) -> int:
        """All three together."""
        return self.input + self.output + self.parameters


def parameters(spec: LayerSpec) -> int:
    """Return the number of weights and biases: k_h k_w (C_in / groups) C_out + C_out.

    Example:
        >>> parameters(Conv2dSpec(3, 64, 7))
        9472
    """
    if not isinstance(spec, ConvolutionSpec):
        return 0
    return prod(spec.weight_shape) + spec.bias * spec.out_channels


def macs(spec: LayerSpec, shape: Sequence[int]) -> int:
    """Return the dense MACs for an input (C, H, W) or (N, C, H, W).

    A convolution multiplies each weight once per output pixel; a transposed convolution once per
    input pixel, since it is the input that stamps.

    Raises:
        ArgumentError: a convolution cannot take this shape.

    Example:
        >>> macs(Conv2dSpec(3, 64, 7, stride=2, padding=3), (3, 224, 224))
        118013952
    """
    if not isinstance(spec, ConvolutionSpec):
        return 0
    result = output_shape(spec, shape)
    counted = result if isinstance(spec, Conv2dSpec) else shape
    return prod(counted[:-3]) * prod(counted[-2:]) * prod(spec.weight_shape)


def effective_macs(spec: LayerSpec, shape: Sequence[int]) -> int:
    """Return the MACs that touch a real pixel: no padding zeros, nothing cropped.

    With padding modes other than zeros, padding repeats real pixels and all MACs count.

    Raises:
        ArgumentError: a convolution cannot take this shape.

    Example:
        >>> layer = Conv2dSpec(1, 1, 3, padding=1)
        >>> macs(layer, (1, 5, 5)), effective_macs(layer, (1, 5, 5))
        (225, 169)
    """
    if not isinstance(spec, ConvolutionSpec):
        return 0
    output_shape(spec, shape)
    batch, plane = prod(shape[:-3]), (shape[-2], shape[-1])
    if spec.padding_mode != "zeros":
        return macs(spec, shape)
    vertical, horizontal = axes_of(spec, plane)
    return batch * vertical.products * horizontal.products * prod(spec.weight_shape[:2])


def memory(spec: LayerSpec, shape: Sequence[int], itemsize: int = 4) -> Memory:
    """Return the bytes of input, output and parameters at `itemsize` bytes an element.

    Raises:
        ArgumentError: the layer cannot take this shape.

    Example:
        >>> from convpool.spec import MaxPool2dSpec
        >>> memory(MaxPool2dSpec(2), (3, 32, 32))
        Memory(input=12288, output=3072, parameters=0)
    """
    return Memory.of(shape, output_shape(spec, shape), parameters(spec), itemsize)
