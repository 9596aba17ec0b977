"""A convolution's gradient by its weights, and a transposed one's."""

from convpool.kernels.weight_gradient.operator import prepare

__all__ = ["prepare"]
