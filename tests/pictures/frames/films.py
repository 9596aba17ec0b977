"""Random layers with numbers, as films, for hypothesis."""

from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from convpool.arithmetic import output_shape
from convpool.errors import ArgumentError
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
    shape = (channels, draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    try:
        output_shape(spec, shape)
    except ArgumentError:
        assume(False)
    return spec, shape, draw(st.integers(0, 2**31))


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
