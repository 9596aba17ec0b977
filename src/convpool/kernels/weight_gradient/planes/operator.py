"""The gradient by weights of a layer of narrow groups, over planes of memory."""

from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.kernels import memory
from convpool.kernels.convolution.blocking import Machine
from convpool.kernels.convolution.geometry import Line
from convpool.kernels.weight_gradient.planes.cuts import PlaneCuts
from convpool.spec import Conv2dSpec

Array = NDArray[Any]

_MOST_CUTS = 16  # numbers of images that are remembered


class PlaneGradient:
    """Fills gradients by weights from images and gradients whose rows are rows of memory."""

    def __init__(self, spec: Conv2dSpec, lines: tuple[Line, Line], machine: Machine, number: Any):
        self._cut = lru_cache(_MOST_CUTS)(partial(PlaneCuts, *lines, spec, machine, number))

    @staticmethod
    def takes(*arrays: Array) -> bool:
        """Tell whether the pixels of each array's rows are neighbours in memory."""
        return all(array.strides[3] == array.itemsize or array.shape[3] == 1 for array in arrays)

    def __call__(self, images: Array, gradient: Array, result: Array, *, threads: bool) -> None:
        """Fill the result (K, C / groups, k_h, k_w), from at least one image."""
        cuts = self._cut(len(images))
        known = cuts.known
        sums = memory.scratch(known.parts * known.sums_part)
        record = cuts.record.copy()
        record[:4] = [array.ctypes.data for array in (images, gradient, sums, result)]
        record[4:10] = np.array((images.strides[:3], gradient.strides[:3])).reshape(-1)
        for program, units in zip(cuts.programs, cuts.units, strict=True):
            program(record, units, threads=threads)
        memory.give_back(sums)
