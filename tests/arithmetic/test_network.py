"""Chains of layers: shapes as PyTorch's Sequential gives them, sums, unpooling, records, texts."""

import json
from typing import Any

import pytest
import torch
from hypothesis import given

from convpool.arithmetic import (
    ChainReport,
    LayerReport,
    chain_record,
    chain_report,
    effective_macs,
    macs,
    macs_formula,
    memory,
    output_shape,
    parameters,
    parameters_formula,
    receptive_field,
)
from convpool.errors import ArgumentError
from convpool.spec import (
    AvgPool2dSpec,
    Conv2dSpec,
    ConvTranspose2dSpec,
    LayerSpec,
    MaxPool2dSpec,
    MaxUnpool2dSpec,
)
from tests.drawing import assert_evaluates, chains, evaluated, torch_module

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")

Drawn = tuple[list[LayerSpec], tuple[int, ...]]


@given(chains(symmetric=True))
def test_shapes_and_parameters_are_those_of_sequential(drawn: Drawn) -> None:
    chain, shape = drawn
    if shape[0] == 0:  # PyTorch 2.13 refuses an empty batch in some layers on its meta device
        shape = (1, *shape[1:])
    report = chain_report(chain, shape)
    net = torch.nn.Sequential(*map(torch_module, chain))
    image = torch.empty(shape, device="meta")
    for module, layer in zip(net, report.layers, strict=True):
        assert layer.input_shape == tuple(image.shape)
        image = module(image)
        assert layer.output_shape == tuple(image.shape)
    assert report.output_shape == tuple(image.shape)
    assert report.parameters == sum(array.numel() for array in net.parameters())


@given(chains())
def test_a_report_is_what_its_layers_are_alone(drawn: Drawn) -> None:
    chain, shape = drawn
    report = chain_report(chain, shape)
    current = report.input_shape
    assert current == shape
    for number, (layer, one) in enumerate(zip(chain, report.layers, strict=True), start=1):
        assert one.layer == layer
        assert one.input_shape == current
        assert one.macs == macs(layer, current)
        assert one.effective_macs == effective_macs(layer, current) <= one.macs
        assert one.memory == memory(layer, current)
        assert one.field == receptive_field(chain[:number])
        current = output_shape(layer, current)
    assert report.macs == sum(layer.macs for layer in report.layers)
    assert report.effective_macs == sum(layer.effective_macs for layer in report.layers)
    assert report.parameters == sum(map(parameters, chain))
    assert report.memory.input == report.layers[0].memory.input
    assert report.memory.output == sum(layer.memory.output for layer in report.layers)
    assert report.memory.parameters == 4 * report.parameters
    assert report.field == report.layers[-1].field


@given(chains())
def test_the_texts_evaluate_to_the_numbers(drawn: Drawn) -> None:
    for layer in chain_report(*drawn).layers:
        for rule, text, size in zip(
            layer.rules, layer.formulas, layer.output_shape[-2:], strict=True
        ):
            assert rule.startswith(("floor((i", "(i-1)*s"))
            assert_evaluates(text.partition("; ")[0])
            assert f" = {size}" in text
        for text, number in (
            (parameters_formula(layer.layer), layer.parameters),
            (macs_formula(layer), layer.macs),
        ):
            if isinstance(layer.layer, Conv2dSpec | ConvTranspose2dSpec):
                formula, result = text.split(" = ")
                assert evaluated(formula) == number
                assert result == f"{number:,}"
            else:
                assert text == "0 (no weights)"


def test_the_macs_formula_says_what_it_counts() -> None:
    chain: list[LayerSpec] = [Conv2dSpec(2, 4, 3, groups=2), ConvTranspose2dSpec(4, 2, 2)]
    report = chain_report(chain, (2, 5, 6))
    assert [macs_formula(layer) for layer in report.layers] == [
        "3*3*(2/2)*4 * 3*4 output pixels = 432",
        "2*2*(4/1)*2 * 3*4 input pixels = 384",
    ]
    batch = chain_report([Conv2dSpec(2, 4, 3, groups=2)], (10, 2, 5, 6))
    assert macs_formula(batch.layers[0]) == "3*3*(2/2)*4 * 3*4 output pixels * 10 images = 4,320"


def pool(kernel: int, **arguments: Any) -> MaxPool2dSpec:
    return MaxPool2dSpec(kernel, return_indices=True, **arguments)


def test_unpooling_undoes_the_nearest_open_pooling() -> None:
    """As in SegNet: the poolings nest, and each unpooling restores an odd size of its own."""
    chain: list[LayerSpec] = [
        pool(2),  # 1: 45x23 -> 22x11
        MaxPool2dSpec(1),  # keeps no indices: not to be undone
        pool(2),  # 3: 22x11 -> 11x5
        Conv2dSpec(3, 3, 3, padding=1),
        pool(3, stride=2, padding=1),  # 5: 11x5 -> 6x3
        MaxUnpool2dSpec(3, stride=2, padding=1),
        MaxUnpool2dSpec(2),
        pool(2, ceil_mode=True),  # 8: 22x11 -> 11x6
        MaxUnpool2dSpec(2),
        MaxUnpool2dSpec(2),
        MaxUnpool2dSpec(2),  # nothing left to undo: its own rule
    ]
    report = chain_report(chain, (3, 45, 23))
    pairs = {n: one.pooled_by for n, one in enumerate(report.layers) if one.pooled_by is not None}
    assert pairs == {5: 4, 6: 2, 8: 7, 9: 0}
    for unpooling, pooling in pairs.items():
        restored, pooled = report.layers[unpooling], report.layers[pooling]
        assert restored.output_shape == pooled.input_shape
        assert restored.rules == (f"size of the input of layer {pooling + 1}",) * 2
        height, width = pooled.input_shape[-2:]
        assert restored.formulas == (
            f"size of the input of layer {pooling + 1} = {height}",
            f"size of the input of layer {pooling + 1} = {width}",
        )
        assert restored.memory.output == 4 * 3 * height * width
    assert report.output_shape == (3, 90, 46)
    # PyTorch, given the same sizes.
    image = torch.zeros(3, 45, 23)
    found: dict[int, tuple[torch.Tensor, torch.Size]] = {}
    for number, layer in enumerate(chain[:-1]):
        module = torch_module(layer)
        if number in pairs:
            index, size = found[pairs[number]]
            image = module(image, index, output_size=size)
        elif isinstance(layer, MaxPool2dSpec) and layer.return_indices:
            before = image.shape
            image, index = module(image)
            found[number] = index, before[-2:]
        elif not isinstance(layer, Conv2dSpec):
            image = module(image)
        assert report.layers[number].output_shape == tuple(image.shape)


def test_unpooling_restores_a_size_that_its_own_rule_leaves_nothing_of() -> None:
    image = torch.zeros(1, 1, 3)
    pooled, indices = torch.nn.functional.max_pool2d(
        image, (1, 4), padding=(0, 2), return_indices=True
    )
    restored = torch.nn.functional.max_unpool2d(
        pooled, indices, (1, 4), padding=(0, 2), output_size=(1, 3)
    )
    assert restored.shape == image.shape
    layers: list[LayerSpec] = [
        MaxPool2dSpec((1, 4), padding=(0, 2), return_indices=True),
        MaxUnpool2dSpec((1, 4), padding=(0, 2)),
    ]
    assert chain_report(layers, (1, 1, 3)).output_shape == (1, 1, 3)
    with pytest.raises(ArgumentError):
        chain_report(layers[1:], (1, 1, 1))


def test_unpooling_must_get_the_shape_of_its_indices() -> None:
    chain: list[LayerSpec] = [pool(2), Conv2dSpec(3, 5, 1), MaxUnpool2dSpec(2)]
    with pytest.raises(ArgumentError, match=r"^layer 3: .*\(5, 4, 4\).*\(3, 4, 4\), .* layer 1$"):
        chain_report(chain, (3, 8, 8))


def test_unpooling_must_be_able_to_restore_the_size() -> None:
    chain: list[LayerSpec] = [pool(3), MaxUnpool2dSpec(2)]
    with pytest.raises(ArgumentError, match=r"^layer 2: .* layer 1's input is \(9, 8\), but"):
        chain_report(chain, (1, 9, 8))


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ([MaxPool2dSpec(2), Conv2dSpec(4, 4, 3)], "4 channels, not 3"),
        ([MaxPool2dSpec(4), MaxPool2dSpec(5)], r"= 5 fits the padded input height 0\+2\+0 = 2"),
        ([MaxPool2dSpec(8), ConvTranspose2dSpec(3, 1, 1, padding=2)], "less than 1 in total"),
    ],
)
def test_errors_say_what_does_not_fit(chain: list[LayerSpec], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        chain_report(chain, (3, 8, 8))


def test_errors_name_the_layer() -> None:
    chain: list[LayerSpec] = [MaxPool2dSpec(2), AvgPool2dSpec(2), Conv2dSpec(4, 4, 1)]
    with pytest.raises(ArgumentError, match=r"^layer 3: input is"):
        chain_report(chain, (3, 8, 8))
    with pytest.raises(ArgumentError, match=r"^layer 1: input is \(8, 8\)"):
        chain_report(chain, (8, 8))


def test_no_layers_are_no_chain() -> None:
    with pytest.raises(ArgumentError, match="at least one layer"):
        chain_report([], (3, 8, 8))


NUMBERS = {
    "output_shape",
    "parameters",
    "macs",
    "effective_macs",
    "memory",
    "receptive_field",
}


@given(chains())
def test_a_record_goes_through_json_unchanged(drawn: Drawn) -> None:
    chain, shape = drawn
    report = chain_report(chain, shape)
    record = chain_record(report)
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record.keys() == {"input_shape", "batch", "layers", "total"}
    assert record["input_shape"] == list(shape[-3:])
    assert record["batch"] == (shape[0] if len(shape) == 4 else 1)
    assert record["total"].keys() == NUMBERS
    assert len(record["layers"]) == len(chain)
    entries = [*record["layers"], record["total"]]
    reports: list[LayerReport | ChainReport] = [*report.layers, report]
    for entry, one in zip(entries, reports, strict=True):
        assert entry["output_shape"] == list(one.output_shape[-3:])
        assert entry["parameters"] == one.parameters
        assert (entry["macs"], entry["effective_macs"]) == (one.macs, one.effective_macs)
        assert entry["memory"] == vars(one.memory)
        assert entry["receptive_field"] == {
            "size": list(one.field.size),
            "jump": [float(jump) for jump in one.field.jump],
            "start": [float(start) for start in one.field.start],
        }
    for entry, one in zip(record["layers"], report.layers, strict=True):
        assert entry.keys() == {"layer", "formula", *NUMBERS}
        assert entry["layer"] == str(one.layer)
        assert tuple(entry["formula"].values()) == one.formulas
        assert list(entry["formula"]) == ["height", "width"]
