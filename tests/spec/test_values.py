"""A layer is a value: equal however it was written, hashable, frozen, and it travels."""

import copy
import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convpool.notation import parse_layer
from convpool.spec import LAYERS, AvgPool2dSpec, Conv2dSpec, MaxPool2dSpec, MaxUnpool2dSpec
from tests.spec.layers import NAMES, REQUIRED, calls, pair_of

PER_AXIS = ("kernel_size", "stride", "padding", "dilation", "output_padding")
COUNTS = ("in_channels", "out_channels", "groups", "divisor_override")


def forms_of(argument: str, value: Any) -> list[Any]:
    """Other ways to write the same value."""
    if argument in COUNTS and value is not None:
        return [value, np.int64(value), np.int8(value), np.array(value)]
    if argument not in PER_AXIS or value is None or isinstance(value, str):
        return [value]
    height, width = pair_of(value)
    forms: list[Any] = [(height, width), [height, width], (np.int64(height), np.uint8(width))]
    if height == width:
        forms += [height, (height,), [height], np.int32(height), np.array(height)]
    if argument == "padding":
        forms += [((height, height), (width, width)), [[height] * 2, (width, np.int64(width))]]
    return forms


@given(st.data(), calls)
def test_forms_are_equal(data: st.DataObject, call: tuple[str, dict[str, Any]]) -> None:
    name, arguments = call
    first = LAYERS[name](**arguments)
    rewritten = {a: data.draw(st.sampled_from(forms_of(a, v))) for a, v in arguments.items()}
    second = LAYERS[name](**rewritten)
    assert second == first
    assert hash(second) == hash(first)
    assert repr(second) == repr(first)
    for argument in arguments:  # in the normal form: no NumPy number stays inside
        assert "np." not in repr(getattr(second, argument))


@given(calls)
def test_positional_arguments(call: tuple[str, dict[str, Any]]) -> None:
    """The normal form, given in the order of the fields, makes the same value."""
    name, arguments = call
    spec = LAYERS[name](**arguments)
    fields = [field.name for field in dataclasses.fields(spec)]
    assert LAYERS[name](*(getattr(spec, field) for field in fields)) == spec


@given(calls)
def test_repr_reads_back(call: tuple[str, dict[str, Any]]) -> None:
    name, arguments = call
    spec = LAYERS[name](**arguments)
    assert parse_layer(repr(spec)) == spec


@given(st.sampled_from(NAMES), st.tuples(*[st.tuples(*[st.integers(0, 1)] * 2)] * 2))
def test_four_sides_read_back(name: str, padding: tuple[tuple[int, int], ...]) -> None:
    spec = LAYERS[name](**REQUIRED[name], padding=padding)
    assert parse_layer(repr(spec)) == spec
    assert spec.pads == padding


@given(calls)
def test_copies(call: tuple[str, dict[str, Any]]) -> None:
    name, arguments = call
    spec = LAYERS[name](**arguments)
    for other in (pickle.loads(pickle.dumps(spec)), copy.deepcopy(spec), copy.copy(spec)):
        assert type(other) is type(spec)
        assert other == spec
        assert hash(other) == hash(spec)


@pytest.mark.parametrize("name", NAMES)
def test_frozen(name: str) -> None:
    spec = LAYERS[name](**REQUIRED[name])
    for field in dataclasses.fields(spec):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(spec, field.name, 1)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(spec, field.name)


def test_replace() -> None:
    spec: Any = Conv2dSpec(4, 8, 3, stride=2, padding=1, bias=False)
    assert dataclasses.replace(spec, stride=1, padding="same") == Conv2dSpec(
        4, 8, 3, padding="same", bias=False
    )
    with pytest.raises(ValueError, match="groups=3"):
        dataclasses.replace(spec, groups=3)
    with pytest.raises(TypeError):
        dataclasses.replace(spec, filters=3)
    # The stride was the kernel's when the layer was made; from then on it is a number of its own.
    pool = MaxPool2dSpec(2)
    assert dataclasses.replace(pool, kernel_size=(3, 3)) == MaxPool2dSpec(3, 2)


def test_layers_differ() -> None:
    layers = [
        Conv2dSpec(1, 1, 2),
        Conv2dSpec(1, 1, 2, bias=False),
        Conv2dSpec(1, 1, 2, padding="valid"),
        Conv2dSpec(1, 1, 2, padding_mode="reflect"),
        Conv2dSpec(1, 1, (2, 1)),
        Conv2dSpec(1, 1, (1, 2)),
        MaxPool2dSpec(2),
        MaxPool2dSpec(2, return_indices=True),
        AvgPool2dSpec(2),
        AvgPool2dSpec(2, divisor_override=4),
        MaxUnpool2dSpec(2),
    ]
    assert len(set(layers)) == len(layers)


def test_inputs_are_not_kept() -> None:
    kernel, padding = [2, 3], [[0, 1], [1, 0]]
    spec = MaxPool2dSpec(kernel, padding=padding)
    kernel[0] = padding[0][0] = 9
    assert spec == MaxPool2dSpec((2, 3), padding=((0, 1), (1, 0)))


@pytest.mark.parametrize("argument", ["kernel_size", "stride", "padding", "dilation"])
def test_numbers_beyond_64_bits(argument: str) -> None:
    """PyTorch wraps such numbers around or overflows; here sizes are exact."""
    for number in (2**62, 2**63, 2**200):
        spec = Conv2dSpec(**REQUIRED["Conv2d"] | {argument: number})
        expected = ((number,) * 2,) * 2 if argument == "padding" else (number, number)
        assert getattr(spec, argument) == expected
        assert parse_layer(repr(spec)) == spec
