"""What is kept between calls never changes what a call answers."""

from typing import Any

import numpy as np
import pytest

from convpool import functional as F  # noqa: N812
from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.functional.calls import Calls, calls_of, forget, remembered
from convpool.spec import Conv2dSpec, MaxPool2dSpec
from tests.functional.calls import IMAGE, ours


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    forget()


def test_a_layer_is_built_once() -> None:
    built: list[tuple[Any, ...]] = []

    def build(*arguments: Any) -> MaxPool2dSpec:
        built.append(arguments)
        return MaxPool2dSpec(*arguments)

    calls = remembered(build)
    for _ in range(3):
        for arguments in ((2,), (2, (2, 2)), ((2, 2), None, ((0, 1), (0, 1)), 1, False, True)):
            assert calls(*arguments).layer == MaxPool2dSpec(*arguments)
    assert len(built) == 3
    assert calls(2) is calls(2)


EQUAL: list[tuple[dict[str, Any], dict[str, Any]]] = [
    # Each pair is equal and hashes alike; the second one is wrong.
    ({"stride": 1}, {"stride": True}),
    ({"stride": 1}, {"stride": 1.0}),
    ({"stride": (1, 1)}, {"stride": (True, 1)}),
    ({"stride": (1, 1)}, {"stride": (1, 1.0)}),
    ({"stride": (1, 1)}, {"stride": (np.True_, 1)}),
    ({"padding": ((0, 1), (0, 0))}, {"padding": ((0, 1), (False, 0))}),
    ({"padding": ((0, 1), (0, 0))}, {"padding": ((0, True), (0.0, 0))}),
    ({"dilation": 1}, {"dilation": np.float64(1)}),
]


@pytest.mark.parametrize(("right", "wrong"), EQUAL)
@pytest.mark.parametrize("name", ["conv2d", "max_pool2d"])
def test_equal_arguments_of_other_types_stay_wrong(
    name: str, right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    assert right == wrong
    for _ in range(2):
        ours(name, **right)
        with pytest.raises((ArgumentTypeError, ArgumentError)):
            ours(name, **wrong)


@pytest.mark.parametrize("value", [[2, 2], (np.int64(2), 2), [np.int32(2)], np.array(2), (2, 2)])
def test_arguments_that_cannot_be_looked_up_work(value: Any) -> None:
    for _ in range(2):
        np.testing.assert_array_equal(F.max_pool2d(IMAGE, value), F.max_pool2d(IMAGE, 2))
        np.testing.assert_array_equal(
            ours("conv2d", stride=value, padding="valid"), ours("conv2d", stride=2)
        )


def test_flags_are_no_numbers() -> None:
    F.max_pool2d(IMAGE, 2, ceil_mode=False)
    wrong: Any
    for wrong in (0, 0.0, np.False_):
        with pytest.raises(ArgumentTypeError, match=r"^ceil_mode is "):
            F.max_pool2d(IMAGE, 2, ceil_mode=wrong)


def test_a_call_is_found_out_once_for_a_shape_and_type(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[tuple[int, ...]] = []
    find = Calls._found_out

    def watched(self: Calls, input: Any) -> Any:
        found.append(input.shape)
        return find(self, input)

    monkeypatch.setattr(Calls, "_found_out", watched)
    for _ in range(3):
        for images in (IMAGE, IMAGE[:1], IMAGE[0], IMAGE.astype("f8"), IMAGE.astype(">f4")):
            F.max_pool2d(images, 2)
    assert len(found) == 5
    for _ in range(2):
        with pytest.raises(ArgumentError, match=r"^kernel_size is "):
            F.max_pool2d(IMAGE[..., :1], 2)
    assert len(found) == 7


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convpool.functional.calls._MOST_CALLS", 3)
    calls = calls_of(Conv2dSpec(1, 1, 1))
    for size in range(1, 20):
        assert calls.of(np.zeros((1, size, size))).output_shape == (1, size, size)
        assert len(calls._kept) <= 3
