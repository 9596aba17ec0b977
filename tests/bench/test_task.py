import numpy as np
import pytest

from convpool.bench.task import by_reference, by_torch, error, is_wrong, largest, make_task
from tests.benchmarks.contestants import case_named

SMALL = (
    *("tutorial,5x5 k3 s2 p1", "mobilenetv2,dw 960 7 s1", "dcgan,512-256 k4 s2"),
    *("cifar-cnn,p3", "odd,k3 s1 (inception)"),
)


@pytest.mark.parametrize("name", SMALL)
def test_torch_and_the_reference_agree_on_the_truth(name: str) -> None:
    task = make_task(case_named(name))
    expected = by_torch(task)
    assert expected[0].shape == task.case.output_shape
    assert error(by_reference(task), expected) <= (1e-13 if task.case.is_convolution else 0)


def test_truth_of_indices() -> None:
    task = make_task(case_named("cifar-cnn,p3", "max_pool2d_with_indices"))
    values, indices = by_torch(task)
    assert error(by_reference(task), (values, indices)) == 0
    assert error((values, indices + 1), (values, indices)) == np.inf


def test_layouts_hold_the_same_numbers() -> None:
    case = case_named("resnet20-cifar,stem")
    nchw, nhwc = make_task(case, "nchw"), make_task(case, "nhwc")
    assert nhwc.input.transpose(0, 2, 3, 1).flags.c_contiguous
    assert not nhwc.input.flags.c_contiguous
    for one, other in zip(nchw.arrays, nhwc.arrays, strict=True):
        np.testing.assert_array_equal(one, other)


def test_error_is_the_largest_over_the_root_mean_square() -> None:
    expected = np.array([3.0, -3.0, 3.0, -3.0])
    assert error(expected + np.array([0, 0.3, 0, -0.6]), (expected,)) == pytest.approx(0.2)


def test_error_relative_to_the_largest() -> None:
    expected = np.array([1.0, -4.0, 1.0])
    assert error(expected + np.array([0.2, 0, -0.4]), (expected,), largest) == pytest.approx(0.1)


def test_no_array_hides_behind_another() -> None:
    expected = np.array([1.0, 2.0])
    for outputs in [(expected, expected * np.nan), (expected * np.nan, expected)]:
        assert np.isnan(error(outputs, (expected, expected)))


@pytest.mark.parametrize(
    ("name", "found", "wrong"),
    [
        ("cifar-cnn,c2 32-32 k5", 1e-5, False),
        ("cifar-cnn,c2 32-32 k5", 1e-3, True),
        ("cifar-cnn,c2 32-32 k5", np.nan, True),
        ("cifar-cnn,p1", 0.0, False),
        ("cifar-cnn,p1", 1e-9, True),
    ],
)
def test_what_is_wrong(name: str, found: float, wrong: bool) -> None:
    assert is_wrong(case_named(name), found) is wrong


def test_shapes_that_broadcast_are_wrong() -> None:
    assert error(np.ones((1, 4)), (np.ones((4, 4)),)) == np.inf
