"""The layers under PyTorch's compilers: one graph without breaks, of any size."""

from typing import Any

import pytest
import torch
from torch import Tensor

from convpool import bridge, functional, nn


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular")
        self.same = nn.Conv2d(4, 4, 2, padding="same")
        self.pool = nn.MaxPool2d(2, return_indices=True, ceil_mode=True)
        self.unpool = nn.MaxUnpool2d(2)
        self.mean = nn.AvgPool2d(3, 2, ceil_mode=True)
        self.up = nn.ConvTranspose2d(4, 2, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.same(self.conv(x)))
        pooled, indices = self.pool(x)
        restored = self.unpool(pooled, indices, output_size=x.shape)
        return self.up(self.mean(restored + functional.max_pool2d(x, 3, 1, padding=1)))  # type: ignore[call-overload]


SIZES = [(2, 3, 8, 10), (3, 3, 11, 9), (1, 3, 12, 12)]


@pytest.fixture(autouse=True)
def _fresh() -> None:
    torch.compiler.reset()


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("dynamic", [False, True])
def test_compile(backend: str, dynamic: bool) -> None:
    net = Net()
    compiled = torch.compile(net, fullgraph=True, dynamic=dynamic, backend=backend)
    for size in SIZES[: 2 + dynamic]:
        images, twin = torch.randn(size, requires_grad=True), None
        twin = images.detach().clone().requires_grad_()
        found, expected = compiled(images), net(twin)
        torch.testing.assert_close(found, expected)
        found.square().sum().backward()
        expected.square().sum().backward()
        torch.testing.assert_close(images.grad, twin.grad)


def test_compile_in_evaluation() -> None:
    net = Net().eval()
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        for size in SIZES:
            images = torch.randn(size)
            torch.testing.assert_close(compiled(images), net(images))


def test_one_graph_for_all_sizes() -> None:
    graphs = []

    def backend(graph: Any, _given: Any) -> Any:
        graphs.append(graph)
        return graph

    layer = nn.Conv2d(3, 4, 3, stride=2, padding=1)
    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend=backend)
    for height in range(6, 12):
        images = torch.randn(2, 3, height, height + 3)
        torch.testing.assert_close(compiled(images), layer(images))
    assert len(graphs) == 1


@pytest.mark.parametrize("strict", [True, False])
def test_export(strict: bool) -> None:
    net, images = Net().eval(), torch.randn(2, 3, 8, 10)
    batch, height = torch.export.Dim("batch", min=2), torch.export.Dim("height", min=6, max=64)
    layer = net.conv
    shapes = {"input": {0: batch, 2: height}}
    program = torch.export.export(layer, (images,), dynamic_shapes=shapes, strict=strict)
    other = torch.randn(5, 3, 13, 10)
    torch.testing.assert_close(program.module()(other), layer(other))
    whole = torch.export.export(net, (images,), strict=strict)
    torch.testing.assert_close(whole.module()(images), net(images))
    called = {str(node.target) for node in whole.graph.nodes if node.op == "call_function"}
    assert {"convpool.conv2d.default", "convpool.max_pool2d_with_indices.default"} <= called


def test_a_mistake_is_named_under_compile() -> None:
    compiled = torch.compile(bridge.max_pool2d, fullgraph=True, backend="eager")
    with pytest.raises(Exception, match=r"(?s)kernel_size.*its reach"):
        compiled(torch.ones(1, 1, 2, 2), 3)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
def test_jit_trace() -> None:
    layer, images = nn.Conv2d(3, 4, 3).eval(), torch.randn(1, 3, 5, 5)
    other = torch.randn(2, 3, 5, 5)
    with torch.no_grad():
        traced = torch.jit.trace(layer, images)
        torch.testing.assert_close(traced(other), layer(other))


def test_compiled_autograd_follows_gradients() -> None:
    model = torch.nn.Sequential(nn.Conv2d(2, 3, 3), nn.MaxPool2d(2), nn.AvgPool2d(2, 1))
    weight: Any = model[0].weight
    images = torch.randn(1, 2, 8, 8)
    (expected,) = torch.autograd.grad(model(images).sum(), weight)
    output = model(images).sum()
    with torch._dynamo.compiled_autograd._enable(torch.compile(backend="eager")):
        output.backward()
    torch.testing.assert_close(weight.grad, expected)
