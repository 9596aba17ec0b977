"""Convolution kernels."""

from convpool.kernels.convolution.operator import prepare

__all__ = ["prepare"]
