"""convpool: the functions, which pack weights in each call, and bound layers, which pack once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from convpool import functional
from convpool.bench.cases import Case, arguments
from convpool.bench.contestants import OURS, Run
from convpool.bench.task import Array, Task
from convpool.threads import get_num_threads, set_num_threads


class Ours:
    """NumPy arrays in and out."""

    names = OURS

    @contextmanager
    def session(self, threads: int) -> Iterator[None]:
        """Use so many threads."""
        before = get_num_threads()
        set_num_threads(threads)
        try:
            yield
        finally:
            set_num_threads(before)

    def prepare(self, task: Task) -> dict[str, Run]:
        """Return the function's call, and for convolutions that of a bound layer."""
        case = task.case
        if case.backward:
            return {"functions": _backward(case, *task.arrays)}
        function = getattr(functional, case.op.removesuffix("_with_indices"))
        runs: dict[str, Run] = {
            "functions": partial(function, *task.arrays, **arguments(case.spec))
        }
        if case.is_convolution:
            runs["bound"] = partial(functional.bind(case.spec, *task.arrays[1:]), task.input)
        return runs


def _backward(case: Case, images: Array, *rest: Array) -> Run:
    """Return the call of the functions of a layer's gradients."""
    *weight, gradient = rest
    steps = arguments(case.spec)
    if case.is_convolution:
        by_input, by_weight = (
            getattr(functional, f"{case.op}_{name}") for name in ("input", "weight")
        )
        return lambda: (
            by_input(case.shape, *weight, gradient, **steps),
            by_weight(images, weight[0].shape, gradient, **steps),
        )
    if case.op == "avg_pool2d":
        return partial(functional.avg_pool2d_backward, gradient, case.shape, **steps)
    steps.pop("return_indices")
    pooled: Callable[..., Any] = partial(functional.max_pool2d, **steps, return_indices=True)
    back: Callable[..., Any] = partial(functional.max_pool2d_backward, **steps)

    def pool() -> object:
        values, indices = pooled(images)
        return values, indices, back(gradient, indices, case.shape)

    return pool


def contestant() -> Ours:
    """Return convpool."""
    return Ours()
