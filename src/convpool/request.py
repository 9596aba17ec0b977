"""What an engine is asked for, and what it answers with: a function of the arrays.

That the arrays fit is checked before; but a gradient's indices by the engine that reads them.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from convpool.arithmetic import Shape
from convpool.errors import ArgumentError
from convpool.spec import Activation, LayerSpec

Array = NDArray[Any]

NO_ACTIVATION = Activation()


@dataclass(frozen=True)
class Request:
    """An operation of a layer on images (C, H, W) of an element type.

    `image_shape` and `dtype` are those of the layer's input in the forward direction, for its
    gradients too. Neither batch size nor thread count is in it: what an engine does with an image
    can't depend on its company.
    """

    operation: str
    spec: LayerSpec
    image_shape: Shape
    dtype: str


class Operator(Protocol):
    """What carries out a request.

    The arrays have been checked: they fit the request and each other, lie in this machine's byte
    order at aligned addresses, and may have any strides; images are (N, C, H, W). `out`, if given,
    is of the result's shape and type, writeable, apart from the other arrays, and its memory runs
    either in its own order or as N, H, W, C; it is filled and returned.
    """

    def __call__(self, *arrays: Any, out: Array | None = None) -> Any:
        """Return the result; where it is more than one array, `out` isn't given."""
        ...


class ConvolutionOperator(Protocol):
    """What carries out a convolution or a transposed one: an `Operator`, in two halves as well."""

    @property
    def packing(self) -> Hashable:
        """How weights are laid out; what one operator packed, each with an equal packing takes."""
        ...

    def pack(self, weight: Array, bias: Array | None, *, once: bool = False) -> object:
        """Return the weights and the bias as `run` takes them, in memory of their own.

        `once` says that they meet one batch, and don't change meanwhile.
        """
        ...

    def run(
        self,
        input: Array,
        packed: object,
        *,
        out: Array | None = None,
        residual: Array | None = None,
        activation: Activation = NO_ACTIVATION,
    ) -> Array:
        """Return activation(convolution + bias + residual), the residual of the output's shape."""
        ...

    def __call__(
        self, input: Array, weight: Array, bias: Array | None, *, out: Array | None = None
    ) -> Array:
        """Pack and run."""
        ...


def check_cells(indices: Array, plane: tuple[int, int]) -> None:
    """Refuse indices that name no cell of a plane (H, W).

    Raises:
        ArgumentError: naming the first of them.
    """
    cells = plane[0] * plane[1]
    outside = indices[(indices < 0) | (indices >= cells)]
    if outside.size:
        raise ArgumentError(
            "indices",
            int(outside[0]),
            f"from 0 to {cells - 1} everywhere, the cells of a plane of {plane[0]}x{plane[1]}",
        )


class Prompt(Protocol):
    """A call of an operator on arrays like some that it met before, without looking at them.

    An operator may offer one, by `prompt(shape, batch)`, where `shape` is the result's. The arrays
    are of the request's element type, in native byte order, and their memory runs in their order.
    """

    def __call__(self, first: Any, second: Any = 0, third: Any = 0) -> Any:
        """Return the result for arrays, or for their addresses; None if it takes the operator."""
        ...
