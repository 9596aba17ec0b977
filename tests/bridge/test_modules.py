"""The modules: PyTorch's in everything but the arithmetic."""

import copy
import io
import pickle
from typing import Any

import pytest
import torch
from torch.testing._internal.common_modules import module_db

from convpool import bridge, nn

NAMES = ("Conv2d", "ConvTranspose2d", "MaxPool2d", "AvgPool2d", "MaxUnpool2d")
LAZY = ("LazyConv2d", "LazyConvTranspose2d")
INFOS = {
    info.name.removeprefix("nn."): info
    for info in module_db
    if info.name.removeprefix("nn.") in NAMES + LAZY
}


def both(name: str, *arguments: Any, **named: Any) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Ours and PyTorch's module with the same parameters."""
    ours = getattr(nn, name)(*arguments, **named)
    theirs = getattr(torch.nn, name)(*arguments, **named)
    if not isinstance(ours, torch.nn.modules.lazy.LazyModuleMixin):
        ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def parts(result: Any) -> tuple[torch.Tensor, ...]:
    return result if isinstance(result, tuple) else (result,)


def test_all_of_them_are_there() -> None:
    assert set(INFOS) == {*NAMES, *LAZY} - {"MaxUnpool2d"}  # PyTorch has no samples of it
    assert nn.Linear is torch.nn.Linear
    assert nn.functional.relu is torch.nn.functional.relu
    assert nn.functional.conv2d is bridge.conv2d
    for name in NAMES + LAZY:
        assert issubclass(getattr(nn, name), getattr(torch.nn, name))
    with pytest.raises(AttributeError, match="NoSuchLayer"):
        _ = nn.NoSuchLayer


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", INFOS)
def test_samples(name: str, training: bool) -> None:
    """PyTorch's own samples for its modules."""
    info, count = INFOS[name], 0
    for dtype in (torch.float32, torch.float64):
        samples = info.module_inputs_func(
            info, device="cpu", dtype=dtype, requires_grad=True, training=training
        )
        for sample in samples:
            made, given = sample.constructor_input, sample.forward_input
            ours, theirs = both(name, *made.args, **made.kwargs)
            ours, theirs = ours.to(dtype).train(training), theirs.to(dtype).train(training)
            expected = theirs(*given.args, **given.kwargs)
            if name in LAZY:
                ours(*given.args, **given.kwargs)
                assert type(ours) is getattr(nn, name.removeprefix("Lazy"))
                ours.load_state_dict(theirs.state_dict())
            found = ours(*given.args, **given.kwargs)
            with torch.no_grad():
                packed = ours(*given.args, **given.kwargs)
            for one, other, third in zip(parts(found), parts(expected), parts(packed), strict=True):
                torch.testing.assert_close(one, other)
                torch.testing.assert_close(third, other, check_stride=False)
            assert repr(ours) == repr(theirs)
            count += 1
    assert count >= 2


@pytest.mark.parametrize("size", [None, (7, 9), (2, 3, 7, 9)])
def test_unpool(size: Any) -> None:
    pooled, indices = nn.MaxPool2d(2, return_indices=True)(torch.randn(2, 3, 6, 8))
    ours, theirs = both("MaxUnpool2d", 2)
    if size is None:
        assert torch.equal(ours(pooled, indices), theirs(pooled, indices))
    else:
        assert torch.equal(ours(pooled, indices, size), theirs(pooled, indices, size))
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [1, (2, 1), "same"])
def test_padding_mode(mode: str, padding: Any) -> None:
    ours, theirs = both("Conv2d", 2, 3, 3, padding=padding, padding_mode=mode)
    images = torch.randn(2, 2, 6, 7, requires_grad=True)
    found, expected = ours(images), theirs(images)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    gradient = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad(found, [images, *ours.parameters()], gradient),
        torch.autograd.grad(expected, [images, *theirs.parameters()], gradient),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_state_dict_both_ways() -> None:
    ours, theirs = nn.Conv2d(2, 3, 3), torch.nn.Conv2d(2, 3, 3)
    images = torch.randn(1, 2, 5, 5)
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours(images), theirs(images), rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        ours.eval()(images)
    ours.load_state_dict(torch.nn.Conv2d(2, 3, 3).state_dict())
    theirs.load_state_dict(ours.state_dict())
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert ours.state_dict()._metadata == theirs.state_dict()._metadata  # type: ignore[attr-defined]
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-5, atol=1e-5)
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        ours.load_state_dict(nn.Conv2d(2, 4, 3).state_dict())


@pytest.mark.parametrize("way", ["deepcopy", "pickle", "save"])
def test_copies(way: str) -> None:
    layer, images = nn.Conv2d(2, 3, 3).eval(), torch.randn(1, 2, 5, 5)
    with torch.no_grad():
        expected = layer(images)  # the packed weights mustn't come along
        if way == "deepcopy":
            copied = copy.deepcopy(layer)
        elif way == "pickle":
            copied = pickle.loads(pickle.dumps(layer))
        else:
            file = io.BytesIO()
            torch.save(layer, file)
            file.seek(0)
            copied = torch.load(file, weights_only=False)
        assert "_packing" in layer.__dict__
        assert "_packing" not in copied.__dict__
        assert torch.equal(copied(images), expected)
        copied.weight.mul_(2)
        assert torch.equal(layer(images), expected)


def test_factories() -> None:
    layer = nn.Conv2d(2, 3, 3, device="meta", dtype=torch.float64)
    output = layer(torch.empty(1, 2, 5, 6, device="meta", dtype=torch.float64))
    assert output.is_meta
    assert output.shape == (1, 3, 3, 4)
    assert output.dtype == torch.float64
    there = layer.to_empty(device="cpu")
    there.reset_parameters()
    assert there(torch.zeros(1, 2, 5, 6, dtype=torch.float64)).isfinite().all()


def test_parametrizations_and_hooks() -> None:
    layer, images = nn.Conv2d(2, 3, 3).eval(), torch.randn(1, 2, 5, 5)
    torch.nn.utils.parametrizations.weight_norm(layer)
    seen: list[tuple[int, ...]] = []
    layer.register_forward_hook(lambda _module, _given, made: seen.append(tuple(made.shape)))
    with torch.no_grad():
        first = layer(images)
        dict(layer.named_parameters())["parametrizations.weight.original0"].mul_(2)
        bias = layer.bias.reshape(1, 3, 1, 1)  # type: ignore[union-attr]
        torch.testing.assert_close(layer(images) - bias, 2 * (first - bias))
    assert seen == [(1, 3, 3, 3)] * 2


def test_fx_traces_it_as_one_node() -> None:
    net = torch.nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    traced, images = torch.fx.symbolic_trace(net), torch.randn(1, 2, 6, 6)
    assert torch.equal(traced(images), net(images))
    assert sum(node.op == "call_function" for node in traced.graph.nodes) == 3
