"""Random layers with numbers, as films, for hypothesis."""

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from convpool.arithmetic import axes_of
from convpool.pictures.frames import Film, film
from convpool.spec import LAYERS, ConvolutionSpec, LayerSpec
from tests.spec.layers import arguments_of

WHOLE = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
"""Numbers whose sums of products are exact, whatever their order."""
SPECIAL = (*WHOLE, np.nan, np.inf, -np.inf, -np.inf)


@st.composite
def settings(draw: st.DrawFn, *names: str) -> tuple[LayerSpec, tuple[int, int, int], int]:
    """A layer, the shape of an image that it takes, and a seed for numbers."""
    name = draw(st.sampled_from(names))
    spec = LAYERS[name](**draw(arguments_of(name)))
    channels = spec.in_channels if isinstance(spec, ConvolutionSpec) else draw(st.integers(1, 2))
    height, width = (least + draw(st.integers(0, 3)) for least in smallest_plane(spec))
    return spec, (channels, height, width), draw(st.integers(0, 2**31))


def smallest_plane(spec: LayerSpec) -> list[int]:
    """The smallest input plane that the layer takes."""
    mode = getattr(spec, "padding_mode", "zeros")
    sizes = []
    for axis in axes_of(spec, (1, 1)):
        size = 1
        while replace(axis, size=size).output < 1:
            size += 1
        repeated = {"reflect": 1, "circular": 0}.get(mode)
        if repeated is not None:
            size = max(size, repeated + max(axis.before, axis.after))
        sizes.append(size)
    return sizes


def filmed(
    spec: LayerSpec,
    shape: tuple[int, int, int],
    seed: int,
    kinds: tuple[float, ...] = WHOLE,
    **choices: Any,
) -> Film:
    """The film of a layer with numbers from a seed."""
    random = np.random.default_rng(seed)
    arrays: dict[str, Any] = {}
    if isinstance(spec, ConvolutionSpec):
        arrays["weight"] = random.choice(kinds, spec.weight_shape)
        if spec.bias:
            arrays["bias"] = random.choice(WHOLE, spec.out_channels)
    return film(spec, random.choice(kinds, shape), **arrays, **choices)
