"""convpool: the functions, which pack weights in each call, and bound layers, which pack once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numba

import convpool
from benchmarks.peers import OURS, Run
from benchmarks.task import Task
from convpool import functional


class Ours:
    """NumPy arrays in and out."""

    names = OURS

    @contextmanager
    def session(self, threads: int) -> Iterator[None]:
        """Use so many threads."""
        before = numba.get_num_threads()
        set_threads: Callable[[int], Any] = getattr(
            convpool, "set_num_threads", numba.set_num_threads
        )
        set_threads(threads)
        try:
            yield
        finally:
            set_threads(before)

    def prepare(self, task: Task) -> dict[str, Run]:
        """Return the function's call, and for convolutions that of a bound layer."""
        case = task.case
        steps: dict[str, Any] = {
            "stride": case.stride,
            "padding": (case.pad_h, case.pad_w),
            "dilation": case.dilation,
        }
        if case.backward:
            return {"functions": _backward(task, steps)}
        if not case.is_convolution:
            kernel, indices = (case.kh, case.kw), case.op == "max_pool2d_with_indices"
            pool = partial(functional.max_pool2d, task.input, kernel, **steps)
            return {"functions": partial(pool, return_indices=indices)}
        steps["groups"] = case.groups
        function = getattr(functional, case.op)
        runs: dict[str, Run] = {"functions": partial(function, *task.arrays, **steps)}
        bind = getattr(convpool, "bind", None)
        if bind is not None:
            runs["bound"] = partial(bind(case.spec, *task.arrays[1:]), task.input)
        return runs


def _backward(task: Task, steps: dict[str, Any]) -> Run:
    """Return the call of the functions of a layer's gradients."""
    case = task.case
    images, *weight, gradient = task.arrays
    if case.is_convolution:
        steps["groups"] = case.groups
        by_input, by_weight = (
            getattr(functional, f"{case.op}_{name}") for name in ("input", "weight")
        )
        return lambda: (
            by_input(case.shape, *weight, gradient, **steps),
            by_weight(images, weight[0].shape, gradient, **steps),
        )
    kernel = case.kh, case.kw

    def pool() -> object:
        values, indices = functional.max_pool2d(images, kernel, **steps, return_indices=True)
        back = functional.max_pool2d_backward(gradient, indices, case.shape, kernel, **steps)
        return values, indices, back

    return pool


def contestant() -> Ours:
    """Return convpool."""
    return Ours()
