"""The report of a chain: shapes, parameters, MACs, bytes and receptive fields, layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass

from convpool.arithmetic.axes import Stamp, Window
from convpool.arithmetic.cost import Memory, effective_macs, macs, parameters
from convpool.arithmetic.field import ReceptiveField
from convpool.arithmetic.sizes import Shape, axes_of, output_shape, unpooled_plane
from convpool.errors import ArgumentError
from convpool.spec import LayerSpec, MaxPool2dSpec, MaxUnpool2dSpec


@dataclass(frozen=True)
class LayerReport:
    """What one layer of a chain does to the shape that reaches it."""

    layer: LayerSpec
    input_shape: Shape
    output_shape: Shape
    parameters: int
    macs: int
    effective_macs: int
    memory: Memory
    field: ReceptiveField
    pooled_by: int | None = None
    """For an unpooling: the position in the chain of the pooling that it undoes, if any."""

    @property
    def rules(self) -> tuple[str, str]:
        """The size rule of the height and of the width, in symbols."""
        if self.pooled_by is not None:
            restored = f"size of the input of layer {self.pooled_by + 1}"
            return restored, restored
        vertical, horizontal = self.axes
        return vertical.rule, horizontal.rule

    @property
    def formulas(self) -> tuple[str, str]:
        """The size rule of the height and of the width, with the numbers put in.

        Example:
            >>> chain_report([MaxPool2dSpec(2)], (1, 5, 5)).layers[0].formulas[0]
            'floor((5 + 0 + 0 - 1*(2-1) - 1) / 2) + 1 = 2'
        """
        if self.pooled_by is not None:
            height, width = self.output_shape[-2:]
            return f"{self.rules[0]} = {height}", f"{self.rules[1]} = {width}"
        vertical, horizontal = self.axes
        return vertical.formula, horizontal.formula

    @property
    def axes(self) -> tuple[Window, Window] | tuple[Stamp, Stamp]:
        """The layer's size rule on the height and on the width."""
        return axes_of(self.layer, (self.input_shape[-2], self.input_shape[-1]))


@dataclass(frozen=True)
class ChainReport:
    """The layers of a chain with what each does, and the sums over them.

    Example:
        >>> from convpool.spec import Conv2dSpec
        >>> report = chain_report([Conv2dSpec(3, 8, 3), MaxPool2dSpec(2)], (3, 32, 32))
        >>> report.output_shape, report.parameters, report.macs
        ((8, 15, 15), 224, 194400)
    """

    input_shape: Shape
    layers: tuple[LayerReport, ...]

    @property
    def output_shape(self) -> Shape:
        """Shape after the last layer."""
        return self.layers[-1].output_shape

    @property
    def parameters(self) -> int:
        """Weights and biases of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def macs(self) -> int:
        """Dense MACs of all layers."""
        return sum(layer.macs for layer in self.layers)

    @property
    def effective_macs(self) -> int:
        """MACs of all layers that touch a real pixel."""
        return sum(layer.effective_macs for layer in self.layers)

    @property
    def memory(self) -> Memory:
        """Bytes of the chain's input, of every layer's output together, and of all parameters."""
        return Memory(
            input=self.layers[0].memory.input,
            output=sum(layer.memory.output for layer in self.layers),
            parameters=sum(layer.memory.parameters for layer in self.layers),
        )

    @property
    def field(self) -> ReceptiveField:
        """Receptive field of one pixel of the chain's output."""
        return self.layers[-1].field


def chain_report(layers: Sequence[LayerSpec], shape: Sequence[int]) -> ChainReport:
    """Return what each layer makes of the shape that the one before it leaves.

    An unpooling undoes the nearest earlier MaxPool2d(return_indices=True) that no other unpooling
    undoes, and restores that pooling's input size; without one it follows its own size rule.

    Raises:
        ArgumentError: there is no layer, or one cannot take the shape that reaches it; an unpooling
            gets another shape than its pooling left, or cannot restore that pooling's input size.
    """
    if not layers:
        raise ArgumentError("layers", layers, "at least one layer")
    reports: list[LayerReport] = []
    open_pools: list[int] = []
    field = ReceptiveField()
    current = tuple(shape)
    for number, layer in enumerate(layers):
        pool = open_pools.pop() if isinstance(layer, MaxUnpool2dSpec) and open_pools else None
        try:
            if isinstance(layer, MaxUnpool2dSpec) and pool is not None:
                result = _restored(layer, current, reports[pool], pool + 1)
            else:
                result = output_shape(layer, current)
        except ArgumentError as error:
            if len(layers) == 1:
                raise
            raise error.within(f"layer {number + 1}") from None
        if isinstance(layer, MaxPool2dSpec) and layer.return_indices:
            open_pools.append(number)
        field = field.through(layer)
        reports.append(
            LayerReport(
                layer=layer,
                input_shape=current,
                output_shape=result,
                parameters=parameters(layer),
                macs=macs(layer, current),
                effective_macs=effective_macs(layer, current),
                memory=Memory.of(current, result, parameters(layer)),
                field=field,
                pooled_by=pool,
            )
        )
        current = result
    return ChainReport(input_shape=tuple(shape), layers=tuple(reports))


def _restored(layer: MaxUnpool2dSpec, shape: Shape, pooling: LayerReport, number: int) -> Shape:
    """Return the shape that a pooling had, refused where its indices or its size don't fit."""
    if shape != pooling.output_shape:
        raise ArgumentError(
            "input", shape, f"{pooling.output_shape}, the shape of the indices of layer {number}"
        )
    size = f"size of layer {number}'s input"
    unpooled_plane(layer, (shape[-2], shape[-1]), pooling.input_shape[-2:], size)
    return pooling.input_shape
