"""Weights and bias as a convolution takes them."""

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Hashable

    from convpool.kernels.convolution.repeated import Repeated

Array = NDArray[Any]

Ordered = tuple[int, int, tuple[Array, Array]]
"""Addresses of weights and bias, and the arrays that keep them alive."""


class Packed:
    """Weights and bias, with what the orders of the weights that were needed so far."""

    def __init__(
        self, weight: Array, bias: Array | None, *, kept: bool, once: bool = False
    ) -> None:
        self.weight, self.bias, self.kept = weight, bias, kept
        self.once = once
        """Whether they meet one batch."""
        self.orders: dict[Hashable, Ordered] = {}
        self.calls: dict[Hashable, Repeated | None] = {}
        """Small ones; None where they can't be repeated."""
