import pytest
import torch

from benchmarks.networks import CIFAR10, CLASSES, NETWORKS, Network, select
from benchmarks.networks.resnet import Residual
from benchmarks.networks.weights import settled
from convpool.errors import ArgumentError
from tests.benchmarks.tiny import TINY

PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "vgg16": 138_357_544,
    "mobilenetv2": 3_504_872,
    "resnet20": 269_722,
    "example-cnn": 152_482,
}


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_parameters_and_outputs_are_those_of_the_papers(network: Network) -> None:
    with torch.device("meta"):
        model = network.make()
        outputs = model(torch.empty(network.shape(2)))
    assert sum(each.numel() for each in model.parameters()) == PARAMETERS[network.name]
    assert outputs.shape == (2, CLASSES[network.data])


def test_resnet20_has_no_weights_in_its_shortcuts() -> None:
    model = select("resnet20")[0].make()
    kernels = [part.kernel_size for part in model.modules() if isinstance(part, torch.nn.Conv2d)]
    assert kernels == [(3, 3)] * 19
    widening = next(
        part for part in model.modules() if isinstance(part, Residual) and part.shortcut
    )
    images = torch.rand(1, 16, 4, 4)
    beside = widening.shortcut(images)
    torch.testing.assert_close(beside[:, :16], images[:, :, ::2, ::2], rtol=0, atol=0)
    assert beside.shape == (1, 32, 2, 2)
    assert not beside[:, 16:].any()


def test_weights_are_the_same_again_and_keep_numbers_in_scale() -> None:
    network = select("resnet20")[0]
    before = torch.get_rng_state()
    model, again = settled(network), settled(network)
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.training
    for one, other in zip(model.state_dict().values(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    with torch.no_grad():
        first, second = model(torch.randn(network.shape(2)))
    assert 0.1 < first.std() < 10
    assert (first - second).abs().max() > 0.1


def test_norms_remember_the_batch_and_go_on_as_usual() -> None:
    convolution, norm = list(settled(TINY).children())[:2]
    assert norm.momentum == torch.nn.BatchNorm2d(4).momentum
    images = torch.randn(TINY.shape(64), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        variance = convolution(images).var((0, 2, 3))
    torch.testing.assert_close(norm.running_var, variance, rtol=0.2, atol=0)


def test_selection_by_name_and_data() -> None:
    assert [network.name for network in select("RESNET")] == ["resnet18", "resnet50", "resnet20"]
    assert [network.name for network in select("resnet", CIFAR10)] == ["resnet20"]
    assert {network.data for network in select("cifar")} == {CIFAR10}
    with pytest.raises(ArgumentError, match=r"--match is 'vgg', .* one of resnet20, example-cnn"):
        select("vgg", CIFAR10)
