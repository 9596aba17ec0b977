"""Random layers with arrays for them, drawn from a seed, for comparing with PyTorch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convpool.functional import max_pool2d

Array = NDArray[Any]


@dataclass(frozen=True)
class Setting:
    """The arrays and the remaining arguments of one call; `gradient` scales with the output."""

    arrays: dict[str, Array]
    arguments: dict[str, Any]

    def __str__(self) -> str:
        shapes = {name: (array.shape, str(array.dtype)) for name, array in self.arrays.items()}
        return f"{shapes} {self.arguments}"


class Draw:
    """Draws arguments and arrays."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def number(self, low: int, high: int) -> int:
        """A whole number from low to high, both possible."""
        return int(self.random.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def pair(self, low: int, high: int) -> int | tuple[int, int]:
        if self.chance(0.5):
            return self.number(low, high)
        return self.number(low, high), self.number(low, high)

    def dtype(self) -> str:
        return str(self.random.choice(["float64", "float64", "float64", "float32", "float16"]))

    def array(self, shape: tuple[int, ...], dtype: str) -> Array:
        """Normal numbers; in a fifth of the cases a view that isn't contiguous."""
        wide = self.random.standard_normal((*shape[:-1], 2 * shape[-1])).astype(dtype)
        return wide[..., ::2] if self.chance(0.2) else wide[..., : shape[-1]].copy()

    def image(self, channels: int, plane: tuple[int, int], dtype: str) -> Array:
        """Images (N, C, H, W) with N from 0 to 3, or one image (C, H, W)."""
        batch = () if self.chance(0.2) else (0,) if self.chance(0.03) else (self.number(1, 3),)
        return self.array((*batch, channels, *plane), dtype)


def pair_of(value: int | tuple[int, int]) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def reach(kernel: Any, dilation: Any) -> tuple[int, int]:
    kh, kw = pair_of(kernel)
    dh, dw = pair_of(dilation)
    return dh * (kh - 1) + 1, dw * (kw - 1) + 1


def conv2d_setting(seed: int) -> Setting:
    draw = Draw(seed)
    groups = draw.number(1, 3)
    per_group, filters = draw.number(1, 3), groups * draw.number(1, 3)
    kernel = pair_of(draw.pair(1, 4))
    dilation = draw.pair(1, 3)
    mode = str(draw.random.choice(["zeros", "zeros", "reflect", "replicate", "circular"]))
    stride: Any = draw.pair(1, 4)
    padding: Any = draw.pair(0, 3)
    if draw.chance(0.15):
        padding = "valid"
    elif draw.chance(0.15):
        padding, stride = "same", 1
    low, extra = reach(kernel, dilation), draw.number(0, 8)
    plane = (low[0] + draw.number(0, 8), low[1] + extra)
    if padding not in ("same", "valid") and draw.chance(0.3):  # smaller than the kernel's reach
        ph, pw = pair_of(padding)
        plane = max(1, low[0] - 2 * ph), max(1, low[1] - 2 * pw)
    if mode in ("reflect", "circular"):  # enough pixels to fill the padding from
        ph, pw = (4, 5) if isinstance(padding, str) else pair_of(padding)
        plane = max(plane[0], ph + 1), max(plane[1], pw + 1)
        if padding == "same":
            plane = max(plane[0], low[0]), max(plane[1], low[1])
    dtype = draw.dtype()
    arrays = {
        "input": draw.image(groups * per_group, plane, dtype),
        "weight": draw.array((filters, per_group, *kernel), dtype),
    }
    if draw.chance(0.6):
        arrays["bias"] = draw.array((filters,), dtype)
    arguments = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return Setting(arrays, {**arguments, "padding_mode": mode})


def conv_transpose2d_setting(seed: int) -> Setting:
    draw = Draw(seed)
    groups = draw.number(1, 3)
    channels, per_group = groups * draw.number(1, 3), draw.number(1, 3)
    kernel, dilation, stride = pair_of(draw.pair(1, 4)), draw.pair(1, 3), draw.pair(1, 4)
    spread = reach(kernel, dilation)
    plane = draw.number(1, 7), draw.number(1, 7)
    limits = [max(s, d) - 1 for s, d in zip(pair_of(stride), pair_of(dilation), strict=True)]
    output_padding = draw.number(0, limits[0]), draw.number(0, limits[1])
    full = [
        (i - 1) * s + r + op
        for i, s, r, op in zip(plane, pair_of(stride), spread, output_padding, strict=True)
    ]
    padding = tuple(draw.number(0, min(3, (size - 1) // 2)) for size in full)
    dtype = draw.dtype()
    arrays = {
        "input": draw.image(channels, plane, dtype),
        "weight": draw.array((channels, per_group, *kernel), dtype),
    }
    if draw.chance(0.6):
        arrays["bias"] = draw.array((groups * per_group,), dtype)
    return Setting(
        arrays,
        {
            "stride": stride,
            "padding": padding,
            "output_padding": output_padding,
            "groups": groups,
            "dilation": dilation,
        },
    )


def _pool(draw: Draw, *, dilated: bool) -> tuple[dict[str, Any], tuple[int, int]]:
    kernel = draw.pair(1, 5)
    dilation = draw.pair(1, 3) if dilated else 1
    # PyTorch's CPU kernels allow half the kernel even where the dilated reach would allow more.
    ph, pw = (draw.number(0, k // 2) for k in pair_of(kernel))
    low = reach(kernel, dilation)
    plane = (
        max(1, low[0] - 2 * ph + draw.number(0, 8)),
        max(1, low[1] - 2 * pw + draw.number(0, 8)),
    )
    arguments: dict[str, Any] = {"kernel_size": kernel, "padding": (ph, pw)}
    arguments["stride"] = None if draw.chance(0.3) else draw.pair(1, 4)
    arguments["ceil_mode"] = draw.chance(0.5)
    if dilated:
        arguments["dilation"] = dilation
    return arguments, plane


def max_pool2d_setting(seed: int) -> Setting:
    """Values with many ties, infinities and NaN, of all dtypes that PyTorch pools."""
    draw = Draw(seed)
    arguments, plane = _pool(draw, dilated=True)
    names = ["float64", "float32", "float16", "int8", "uint8", "int16", "int32", "int64"]
    dtype = str(draw.random.choice(names, p=[0.3, 0.2, 0.1, *[0.08] * 5]))
    image = draw.image(draw.number(1, 3), plane, "float64")
    if draw.chance(0.5) or not dtype.startswith("float"):
        image = np.round(image * 2)
    if dtype == "uint8":
        image = np.abs(image)
    if dtype.startswith("float") and draw.chance(0.5):
        special = draw.random.choice([np.nan, np.inf, -np.inf, -np.inf], size=image.shape)
        image = np.where(draw.random.random(image.shape) < draw.random.random(), special, image)
    elif draw.chance(0.2):
        image = np.full(image.shape, -np.inf if dtype.startswith("float") else 0)
    return Setting({"input": image.astype(dtype)}, arguments)


def avg_pool2d_setting(seed: int) -> Setting:
    draw = Draw(seed)
    arguments, plane = _pool(draw, dilated=False)
    arguments["count_include_pad"] = draw.chance(0.5)
    if draw.chance(0.3):
        arguments["divisor_override"] = draw.number(1, 9) * (-1 if draw.chance(0.3) else 1)
    dtype = "int64" if draw.chance(0.15) else draw.dtype()
    image = draw.image(draw.number(1, 3), plane, "float64")
    if dtype == "int64":
        image = np.round(image * 10)
    return Setting({"input": image.astype(dtype)}, arguments)


def max_unpool2d_setting(seed: int) -> Setting:
    """What max pooling found in a random image, and the size to restore (sometimes the default).

    Where windows overlapped, one cell is named twice, with the same value.
    """
    draw = Draw(seed)
    arguments, plane = _pool(draw, dilated=False)
    image = draw.image(draw.number(1, 3), plane, draw.dtype())
    values, indices = max_pool2d(image, **arguments, return_indices=True)
    del arguments["ceil_mode"]
    arguments["output_size"] = image.shape[-2:] if draw.chance(0.5) else (1, 1, *image.shape[-2:])
    if draw.chance(0.1):
        arguments["output_size"] = None
    return Setting({"input": values, "indices": indices}, arguments)
