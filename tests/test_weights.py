from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convpool import functional as F  # noqa: N812
from convpool.errors import ArgumentError, DataError
from convpool.notation import parse_net
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec
from convpool.weights import LayerWeights, edge_weights, load_weights, random_weights

NET = parse_net(
    [
        "Conv2d(4, 6, (3, 5), groups=2)",
        "MaxPool2d(2)",
        "ConvTranspose2d(6, 4, 3, groups=2, bias=False)",
    ]
)


def given(weights: LayerWeights | None) -> LayerWeights:
    assert weights is not None
    return weights


@pytest.mark.parametrize("make", [edge_weights, random_weights])
def test_shapes_follow_the_layers(make: Any) -> None:
    first, pool, last = make(NET)
    assert pool is None
    assert (first.weight.shape, first.bias.shape) == ((6, 2, 3, 5), (6,))
    assert (last.weight.shape, last.bias) == ((6, 2, 3, 3), None)
    for array in (first.weight, first.bias, last.weight):
        assert array.dtype == np.float32


@pytest.mark.parametrize("kernel", [2, 3, 5, (1, 3), (7, 1)])
def test_edge_filters_answer_an_edge_in_their_direction_most(kernel: Any) -> None:
    """A step from black to white across gives at most 1, and nothing where the image is even."""
    bank = given(edge_weights([Conv2dSpec(3, 8, kernel)])[0]).weight
    even = np.ones((1, 3, 9, 9), np.float32)
    slopes = np.abs(bank.sum(axis=(1, 2, 3))) < 1e-6
    np.testing.assert_allclose(F.conv2d(even, bank)[0, slopes], 0, atol=1e-6)
    np.testing.assert_allclose(F.conv2d(even, bank)[0, ~slopes], 1, atol=1e-6)
    step = even.copy()
    step[..., :4] = 0
    answer = F.conv2d(step, bank)
    assert np.abs(answer).max() <= 1 + 1e-6
    if kernel != (7, 1):
        assert answer[0, 0].max() == pytest.approx(1, abs=1e-6)


def test_a_tent_enlarges_without_changing_the_brightness() -> None:
    layer = ConvTranspose2dSpec(3, 3, 4, stride=2, padding=1)
    weight = given(edge_weights([layer])[0]).weight
    enlarged = F.conv_transpose2d(np.ones((1, 3, 6, 6), np.float32), weight, stride=2, padding=1)
    np.testing.assert_allclose(enlarged[..., 2:-2, 2:-2], 1, atol=1e-6)


def test_random_weights_have_pytorchs_bounds_and_depend_on_the_seed() -> None:
    layer = Conv2dSpec(16, 64, 3)
    first, again, other = (given(random_weights([layer], seed)[0]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.weight, again.weight)
    assert (first.weight != other.weight).any()
    torch.manual_seed(0)  # else the largest of 64 biases is off by a twentieth one time in 27
    theirs = torch.nn.Conv2d(16, 64, 3).state_dict()
    for name in ("weight", "bias"):
        bound = float(theirs[name].abs().max())
        assert np.abs(getattr(first, name)).max() == pytest.approx(bound, rel=0.05)


def test_a_state_dict_of_sequential_is_a_weights_file(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.MaxPool2d(2))
    path = tmp_path / "weights.npz"
    arrays: dict[str, Any] = {name: value.numpy() for name, value in model.state_dict().items()}
    np.savez(path, **arrays)
    loaded = given(load_weights(parse_net(["Conv2d(1, 2, 3)", "MaxPool2d(2)"]), path)[0])
    np.testing.assert_array_equal(loaded.weight, arrays["0.weight"])
    np.testing.assert_array_equal(loaded.bias, arrays["0.bias"])


def test_wrong_files(tmp_path: Path) -> None:
    layer = [Conv2dSpec(1, 1, 2)]
    path = tmp_path / "weights.npz"
    with pytest.raises(ArgumentError, match="existing"):
        load_weights(layer, path)
    np.savez(path, wrong=np.ones(1))
    with pytest.raises(ArgumentError, match=r"holds '0.weight'; it holds \['wrong'\]"):
        load_weights(layer, path)
    arrays: dict[str, Any] = {"0.weight": np.ones((1, 1, 3, 3))}
    np.savez(path, **arrays)
    with pytest.raises(ArgumentError, match=r"of shape \(1, 1, 3, 3\)', but must be numbers of"):
        load_weights(layer, path)
    arrays = {"0.weight": np.full((1, 1, 2, 2), "a")}
    np.savez(path, **arrays)
    with pytest.raises(ArgumentError, match=r"<U1 of shape"):
        load_weights(layer, path)


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "array", "pickle"])
def test_damaged_files(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    arrays: dict[str, Any] = {"0.weight": np.ones((1, 1, 2, 2))}
    if damage == "pickle":
        arrays = {"0.weight": np.array([{}], dtype=object)}
    np.savez(path, **arrays)
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[:100])
    elif damage in ("text", "empty"):
        path.write_bytes(b"weights" if damage == "text" else b"")
    elif damage == "array":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    with pytest.raises(DataError, match=r"cannot read weights from .*weights\.npz"):
        load_weights([Conv2dSpec(1, 1, 2, bias=False)], path)
