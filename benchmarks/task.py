"""What contestants are given: a case with its arrays; what they must give back: the truth."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.cases import Case, Layout
from convpool import reference
from convpool.request import Request
from convpool.spec import MaxPool2dSpec

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
    """The input (N, C, H, W), in memory as the layout says; a convolution's weight and bias.

    Backward: the input, a convolution's weight, and the gradient by the output, which lies in
    memory as the input does.
    """

    @property
    def input(self) -> Array:
        """The images."""
        return self.arrays[0]


def make_task(case: Case, layout: Layout = "nchw", threads: int = 1) -> Task:
    """Return the case with normally distributed numbers, the same on every call."""
    random = np.random.default_rng(0)
    images = random.standard_normal(case.shape, np.float32)
    spec = case.spec
    parameters: tuple[Array, ...] = ()
    if not isinstance(spec, MaxPool2dSpec):
        parameters = (
            random.standard_normal(spec.weight_shape, np.float32),
            random.standard_normal(case.c_out, np.float32),
        )
    images = _laid_out(images, layout)
    if case.backward:
        gradient = random.standard_normal(case.output_shape, np.float32)
        parameters = (*parameters[:1], _laid_out(gradient, layout))
    return Task(case, layout, threads, (images, *parameters))


def _laid_out(images: Array, layout: Layout) -> Array:
    if layout == "nchw":
        return images
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def truth(task: Task) -> tuple[Array, ...]:
    """Return the task's outputs in float64: by torch, or by our reference where torch is missing.

    Max pooling rounds nothing, so its truth is float32; that of its gradient is float64.
    """
    return (by_torch if find_spec("torch") else by_reference)(task)


def by_torch(task: Task) -> tuple[Array, ...]:
    """Return the outputs that torch gives."""
    import torch

    from benchmarks.peers.pytorch import call

    with torch.inference_mode():
        return as_arrays(call(task.case, *map(torch.from_numpy, _precise(task)))())


def by_reference(task: Task) -> tuple[Array, ...]:
    """Return the outputs that our own definition in NumPy gives."""
    arrays = _precise(task)
    if task.case.backward:
        return _backward_by_reference(task.case, arrays)
    request = Request(task.case.op, task.case.spec, task.case.shape[1:], arrays[0].dtype.name)
    return as_arrays(reference.prepare(request)(*arrays))


def _backward_by_reference(case: Case, arrays: list[Array]) -> tuple[Array, ...]:
    def run(operation: str, *given: object) -> Any:
        request = Request(operation, case.spec, case.shape[1:], "float64")
        return reference.prepare(request)(*given)

    images, *weight, gradient = arrays
    if case.is_convolution:
        by_input = run(f"{case.op}_input", case.shape[2:], gradient, *weight)
        return by_input, run(f"{case.op}_weight", images, gradient)
    values, indices = run(case.op, images)
    return values, indices, run("max_pool2d_backward", case.shape[2:], gradient, indices)


def _precise(task: Task) -> list[Array]:
    dtype = np.float64 if task.case.is_convolution or task.case.backward else np.float32
    return [np.ascontiguousarray(array, dtype) for array in task.arrays]


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
    """Return whether an error is more than rounding; forward, max pooling rounds nothing."""
    rounds = case.is_convolution or case.backward
    return not error <= (WRONG if rounds else 0.0)  # NaN is wrong
