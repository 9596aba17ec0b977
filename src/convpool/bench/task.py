"""What contestants are given: a case with its arrays; what they must give back: the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool import reference
from convpool.bench.cases import Case, Layout
from convpool.bench.contestants import has_torch
from convpool.request import Request
from convpool.spec import ConvolutionSpec, LayerSpec, MaxUnpool2dSpec

Array = NDArray[Any]

WRONG = 1e-4
"""Error from which a convolution is wrong, not just rounded: float32 reaches some 1e-6, Winograd
1e-5, and one missing product among 10,000 makes 1e-2."""


@dataclass(frozen=True)
class Task:
    """A case with the arrays that every contestant gets."""

    case: Case
    layout: Layout
    threads: int
    arrays: tuple[Array, ...]
    """The input (N, C, H, W), in memory as the layout says; a convolution's weight, and its bias
    if it has one; the indices that an unpooling obeys.

    Backward: the input, a convolution's weight, and the gradient by the output, which lies in
    memory as the input does.
    """

    @property
    def input(self) -> Array:
        """The images."""
        return self.arrays[0]


def make_task(case: Case, layout: Layout = "nchw", threads: int = 1, draw: int = 0) -> Task:
    """Return the case with normally distributed numbers, the same whenever a draw is."""
    random = np.random.default_rng(draw)
    images = _laid_out(random.standard_normal(case.shape, np.float32), layout)
    spec = case.spec
    rest: tuple[Array, ...] = ()
    if isinstance(spec, ConvolutionSpec):
        rest = (random.standard_normal(spec.weight_shape, np.float32),)
        if spec.bias and not case.backward:
            rest += (random.standard_normal(spec.out_channels, np.float32),)
    if isinstance(spec, MaxUnpool2dSpec):
        rest = (_laid_out(_window_corners(spec, case), layout),)
    if case.backward:
        gradient = random.standard_normal(case.output_shape, np.float32)
        rest = (*rest[:1], _laid_out(gradient, layout))
    return Task(case, layout, threads, (images, *rest))


def _window_corners(spec: LayerSpec, case: Case) -> Array:
    """Return for each cell the flat index of the first pixel of the window that it came from."""
    places = [
        np.clip(np.arange(cells) * step - before, 0, size - 1)
        for cells, step, (before, _), size in zip(
            case.shape[2:], spec.stride, spec.pads, case.output_shape[2:], strict=True
        )
    ]
    plane = places[0][:, None] * case.output_shape[3] + places[1]
    return np.ascontiguousarray(np.broadcast_to(plane, case.shape))


def _laid_out(images: Array, layout: Layout) -> Array:
    if layout == "nchw":
        return images
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def truth(task: Task) -> tuple[Array, ...]:
    """Return the task's outputs in float64: by torch, or by our reference where torch is missing.

    Maxima are exact, so their truth is float32; that of their gradient is float64.
    """
    if has_torch():
        from convpool.bench.pytorch import has

        if has(task.case):
            return by_torch(task)
    return by_reference(task)


def by_torch(task: Task) -> tuple[Array, ...]:
    """Return the outputs that torch gives."""
    import torch

    from convpool.bench.pytorch import call

    with torch.inference_mode():
        return as_arrays(call(task.case, *map(torch.from_numpy, _precise(task)))())


def by_reference(task: Task) -> tuple[Array, ...]:
    """Return the outputs that our own definition in NumPy gives."""
    case, arrays = task.case, _precise(task)
    if case.backward:
        return _backward_by_reference(case, arrays)
    request = Request(case.op, case.spec, case.shape[1:], arrays[0].dtype.name)
    rest: tuple[object, ...] = ()
    if isinstance(case.spec, MaxUnpool2dSpec):
        rest = (case.output_shape[2:],)
    if isinstance(case.spec, ConvolutionSpec) and not case.spec.bias:
        rest = (None,)
    return as_arrays(reference.prepare(request)(*arrays, *rest))


def _backward_by_reference(case: Case, arrays: list[Array]) -> tuple[Array, ...]:
    def run(operation: str, *given: object) -> Any:
        request = Request(operation, case.spec, case.shape[1:], "float64")
        return reference.prepare(request)(*given)

    images, *weight, gradient = arrays
    if case.is_convolution:
        by_input = run(f"{case.op}_input", case.shape[2:], gradient, *weight)
        return by_input, run(f"{case.op}_weight", images, gradient)
    if case.op == "avg_pool2d":
        return as_arrays(run("avg_pool2d_backward", case.shape[2:], gradient))
    values, indices = run(case.op, images)
    return values, indices, run("max_pool2d_backward", case.shape[2:], gradient, indices)


def _precise(task: Task) -> list[Array]:
    dtype = np.float64 if task.case.rounds else np.float32
    return [
        np.ascontiguousarray(array, dtype if array.dtype.kind == "f" else None)
        for array in task.arrays
    ]


def as_arrays(output: Any) -> tuple[Array, ...]:
    """Return NumPy arrays of what a contestant returned: an array or tensor, or several."""
    outputs = output if isinstance(output, (tuple, list)) else (output,)
    return tuple(np.asarray(one.numpy() if hasattr(one, "numpy") else one) for one in outputs)


def root_mean_square(array: Array) -> float:
    """Return the root mean square of an array's numbers."""
    return float(np.sqrt(np.mean(array**2)))


def largest(array: Array) -> float:
    """Return the largest of an array's numbers without their signs."""
    return float(np.abs(array).max())


def error(
    output: Any, expected: tuple[Array, ...], scale: Callable[[Array], float] = root_mean_square
) -> float:
    """Return the largest error over the scale of the true values; inf if indices differ.

    Of several arrays the worst counts. Shapes that differ are an infinite error too.
    """
    arrays = as_arrays(output)
    if [array.shape for array in arrays] != [array.shape for array in expected]:
        return np.inf
    pairs = zip(arrays, expected, strict=True)
    return float(np.max([_error(*pair, scale) for pair in pairs]))  # NaN, where max would pass it


def _error(array: Array, expected: Array, scale: Callable[[Array], float]) -> float:
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(array, expected) else np.inf
    true = expected.astype(np.float64)
    return float(np.abs(array - true).max()) / scale(true)


def is_wrong(case: Case, error: float) -> bool:
    """Return whether an error is more than rounding; maxima round nothing."""
    return not error <= (WRONG if case.rounds else 0.0)  # NaN is wrong
