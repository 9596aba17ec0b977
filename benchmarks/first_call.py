"""The first call of each operator in a fresh process, without compiled kernels on disk and with."""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from rich.table import Table

CALLS = {
    "conv2d 3x3": "F.conv2d(image(64), filters(64, 64, 3), padding=1)",
    "conv2d 1x1": "F.conv2d(image(64), filters(64, 64, 1))",
    "conv2d strided": "F.conv2d(image(64), filters(64, 64, 3), stride=2, padding=1)",
    "conv2d first layer": "F.conv2d(image(3), filters(64, 3, 7), stride=2, padding=3)",
    "conv2d depthwise": "F.conv2d(image(64), filters(64, 1, 3), padding=1, groups=64)",
    "conv2d grouped": "F.conv2d(image(64), filters(64, 16, 3), padding=1, groups=4)",
    "conv2d channels-last": "F.conv2d(channels_last(image(64)), filters(64, 64, 3), padding=1)",
    "conv_transpose2d": "F.conv_transpose2d(image(64), filters(64, 64, 2), stride=2)",
    "max_pool2d": "F.max_pool2d(image(64), 2)",
    "max_pool2d with indices": "F.max_pool2d(image(64), 2, return_indices=True)",
    "max_pool2d channels-last": "F.max_pool2d(channels_last(image(64)), 2)",
    "avg_pool2d": "F.avg_pool2d(image(64), 2)",
    "max_unpool2d": "F.max_unpool2d(image(64), indices(64), 2)",
}
_PROGRAM = """
import time
start = time.perf_counter()
import numpy as np
from convpool import functional as F
random = np.random.default_rng(0)
image = lambda channels: random.standard_normal((1, channels, 32, 32), np.float32)
filters = lambda *shape: random.standard_normal((*shape, shape[-1]), np.float32)
channels_last = lambda images: images.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
indices = lambda channels: np.tile(np.arange(32)[:, None] * 128 + np.arange(32) * 2,
                                   (1, channels, 1, 1))
start_of_call = time.perf_counter()
{call}
end = time.perf_counter()
print(end - start, end - start_of_call)
"""
_WARM_RUNS = 3


@dataclass(frozen=True)
class FirstCall:
    """Seconds of an operator's first call, imports of NumPy and convpool counted."""

    operator: str
    without_cache: float
    with_cache: float
    """The least of three."""
    call_alone: float
    """With the cache, from the call itself; Numba's import is in it, NumPy's isn't."""


def first_call(operator: str) -> FirstCall:
    """Return the times of an operator's first call, with a cache folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        cold, _ = _seconds(CALLS[operator], folder)
        warm = [_seconds(CALLS[operator], folder) for _ in range(_WARM_RUNS)]
    return FirstCall(operator, cold, min(whole for whole, _ in warm), min(call for _, call in warm))


def _seconds(call: str, cache: str) -> tuple[float, float]:
    program = _PROGRAM.format(call=call)
    environment = {**os.environ, "CONVPOOL_CACHE_DIR": cache}
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    whole, alone = map(float, done.stdout.split())
    return whole, alone


def first_call_table(calls: list[FirstCall]) -> Table:
    """Return the table of first calls, in seconds."""
    table = Table(title="first call, seconds", title_justify="left", pad_edge=False, box=None)
    table.add_column("operator")
    for column in ("without cache", "with cache", "of which the call"):
        table.add_column(column, justify="right")
    for call in calls:
        times = (call.without_cache, call.with_cache, call.call_alone)
        table.add_row(call.operator, *(f"{time:.2f}" for time in times))
    return table
