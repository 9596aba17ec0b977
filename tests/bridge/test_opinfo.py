"""PyTorch's own samples and error inputs for its operators, given to ours."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db

from convpool import bridge

NAMES = ("conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d", "max_unpool2d")
OPERATORS = {
    f"{op.name.removeprefix('nn.functional.')}{op.variant_test_name and '_grad'}": op
    for op in op_db
    if op.name in {f"nn.functional.{name}" for name in NAMES}
}
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even:UserWarning")

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-12}


def ours(name: str) -> Any:
    return getattr(bridge, name.removesuffix("_grad"))


def leaves(sample: Any) -> list[torch.Tensor]:
    given = [sample.input, *sample.args, *sample.kwargs.values()]
    return [value for value in given if isinstance(value, torch.Tensor) and value.requires_grad]


def results(value: Any) -> list[torch.Tensor]:
    return list(value) if isinstance(value, tuple) else [value]


def samples(name: str, dtype: torch.dtype) -> Iterator[Any]:
    yield from OPERATORS[name].sample_inputs("cpu", dtype, requires_grad=True)


def assert_close(found: Any, expected: Any, tolerance: float, sample: Any) -> None:
    for one, other in zip(found, expected, strict=True):
        close = torch.allclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
        if not close or one.shape != other.shape:  # the long way, for its message
            torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance, msg=str(sample))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", OPERATORS)
def test_samples(name: str, dtype: torch.dtype) -> None:
    """With gradients and without, by the dispatcher's way and by the direct one."""
    count, tolerance = 0, TOLERANCE[dtype]
    for sample in samples(name, dtype):
        expected = results(OPERATORS[name](sample.input, *sample.args, **sample.kwargs))
        found = results(ours(name)(sample.input, *sample.args, **sample.kwargs))
        assert_close(found, expected, tolerance, sample)
        with torch.no_grad():
            direct = results(ours(name)(sample.input, *sample.args, **sample.kwargs))
        assert all(map(torch.equal, direct, found))
        wanted = leaves(sample)
        if wanted and expected[0].requires_grad:
            gradient = torch.randn_like(expected[0])
            one = torch.autograd.grad(found[0], wanted, gradient)
            other = torch.autograd.grad(expected[0], wanted, gradient)
            assert_close(one, other, 10 * tolerance, sample)
        count += 1
    assert count >= 6


@pytest.mark.parametrize(
    "name", [name for name in OPERATORS if OPERATORS[name].error_inputs_func is not None]
)
def test_error_inputs(name: str) -> None:
    count = 0
    for error in OPERATORS[name].error_inputs("cpu"):
        given = error.sample_input
        with pytest.raises(error.error_type):
            ours(name)(given.input, *given.args, **given.kwargs)
        count += 1
    assert count >= 1
