"""Every argument of every layer with every kind of wrong value: one error that helps."""

import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from convpool.errors import ArgumentError, ArgumentTypeError, ConvpoolError
from convpool.spec import LAYERS
from tests.spec.layers import NAMES, REQUIRED

Case = tuple[Any, Any, type[ConvpoolError]]
"""A wrong value, the part of it that is to blame and must be shown, and the error's class."""

MINIMUM = {
    **dict.fromkeys(("in_channels", "out_channels", "groups"), 1),
    **dict.fromkeys(("kernel_size", "stride", "dilation"), 1),
    **dict.fromkeys(("padding", "output_padding"), 0),
}
COUNTS = ("in_channels", "out_channels", "groups")
FLAGS = ("bias", "ceil_mode", "return_indices", "count_include_pad")

NO_NUMBERS: list[Any] = [
    *(1.5, 2.0, float("nan"), float("inf"), True, False, "2", "", b"2", 2j, ..., int, {}, {2: 2}),
    *({2}, range(2), np.float32(2), np.True_, np.array([2, 2]), np.array(2.0), np.array([])),
]
"""No whole numbers, not even where they equal one; PyTorch's functions refuse them too."""
NO_PAIRS: list[Any] = [(), [], (1, 2, 3), [1, 1, 1, 1]]


def wrong(name: str, argument: str) -> Iterator[Case]:
    """Yield what an argument of a layer must refuse."""
    if argument in FLAGS:
        yield from blamed(ArgumentTypeError, [0, 1, None, "True", (), np.True_, 1.0])
    elif argument == "padding_mode":
        modes = ["reflect"] if name == "ConvTranspose2d" else []
        yield from blamed(ArgumentError, ["zero", "", "ZEROS", "same", *modes])
        yield from blamed(ArgumentTypeError, [None, 0, b"zeros", ["zeros"], True])
    elif argument == "divisor_override":
        yield from blamed(ArgumentError, [0, np.int64(0)])
        yield from blamed(ArgumentTypeError, [*NO_NUMBERS, (2,), [2]])
    else:
        low = MINIMUM[argument]
        yield from blamed(ArgumentError, [low - 1, -2, -(2**70), np.int64(-3)])
        yield from wrong_counts() if argument in COUNTS else wrong_pairs(name, argument, low)


def blamed(kind: type[ConvpoolError], values: list[Any]) -> Iterator[Case]:
    """Values that are shown as a whole, NumPy's numbers as plain ones where they are numbers."""
    for value in values:
        yield value, int(value) if isinstance(value, np.integer) else value, kind


def wrong_counts() -> Iterator[Case]:
    yield from blamed(ArgumentTypeError, [*NO_NUMBERS, *NO_PAIRS, None, (2,), [2], (2, 2)])


def wrong_pairs(name: str, argument: str, low: int) -> Iterator[Case]:
    words = name == "Conv2d" and argument == "padding"
    for value in NO_NUMBERS:
        yield value, value, ArgumentError if words and isinstance(value, str) else ArgumentTypeError
    if words:
        yield from blamed(ArgumentError, ["sam", "SAME", "full", "reflect"])
    if argument != "stride" or name.startswith("Conv"):  # to a pooling None means the kernel's
        yield None, None, ArgumentTypeError
    yield from blamed(ArgumentError, NO_PAIRS)
    for number in (low - 1, -5):
        yield from ((form, number, ArgumentError) for form in containing(number))
    for bad in (1.5, "a", True, None):
        yield from ((form, bad, ArgumentTypeError) for form in containing(bad))
    yield from wrong_sides() if argument == "padding" else wrong_nesting()


def containing(element: Any) -> list[Any]:
    return [(element, 2), [2, element], (element,)]


def wrong_nesting() -> Iterator[Case]:
    for value in (((2, 2), 2), [[2, 2], [2, 2]], [[2]]):
        yield value, value[0], ArgumentTypeError


def wrong_sides() -> Iterator[Case]:
    for value in (
        *(((1, 1),), ((1, 1), 1), (1, (1, 1)), ((1, 1), (1,)), ((1, 1), ()), ((), ())),
        *(((1, 1), (1, 1), (1, 1)), [[1, 1, 1], [1, 1]], [[[1, 1]]]),
    ):
        yield value, value, ArgumentError
    yield ((0, 0), (0, -1)), -1, ArgumentError
    for bad in (1.5, "a", True, None, (1, 1)):
        yield ((0, 0), (bad, 0)), bad, ArgumentTypeError
        yield [[0, bad], [0, 0]], bad, ArgumentTypeError


def every_case() -> Iterator[Any]:
    for name in NAMES:
        for argument in inspect.signature(LAYERS[name]).parameters:
            yield pytest.param(name, argument, id=f"{name}-{argument}")


def error_of(name: str, arguments: dict[str, Any]) -> ConvpoolError:
    with pytest.raises(ConvpoolError) as caught:
        pytest.fail(f"accepted: {LAYERS[name](**REQUIRED[name] | arguments)}")
    return caught.value


@pytest.mark.parametrize(("name", "argument"), list(every_case()))
def test_wrong_value(name: str, argument: str) -> None:
    for value, blamed, kind in wrong(name, argument):
        case = f"{name}({argument}={value!r})"
        error = error_of(name, {argument: value})
        message = str(error)
        assert type(error) is kind, case
        assert message.startswith(argument), case
        assert repr(blamed) in message, case
        assert "must be " in message, case


def test_message_says_which_element() -> None:
    for arguments, message in (
        ({"stride": (1, 0)}, "stride[1] is 0, but must be a whole number of at least 1"),
        ({"stride": (0,)}, "stride[0] is 0, but must be a whole number of at least 1"),
        ({"padding": ((0, 0), (-1, 0))}, "padding[1][0] is -1, but must be a whole number"),
    ):
        assert str(error_of("MaxPool2d", arguments)).startswith(message)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "Conv2d",
            {"stride": (1, 2), "padding": "same"},
            "padding is 'same', but must be a number of pixels, since stride is (1, 2)",
        ),
        ("Conv2d", {"groups": 4}, "in_channels is 2, but must be divisible by groups=4"),
        (
            "ConvTranspose2d",
            {"in_channels": 4, "out_channels": 6, "groups": 4},
            "out_channels is 6, but must be divisible by groups=4",
        ),
        (
            "ConvTranspose2d",
            {"stride": 2, "dilation": (1, 3), "output_padding": 2},
            "output_padding is 2, but must be smaller than stride 2 or dilation (1, 3) on each "
            "axis",
        ),
        (
            "MaxPool2d",
            {"padding": 2, "dilation": (2, 1)},
            "padding is 2, but must be at most 1 on axis W: half the window's reach, "
            "1*(3-1)+1 = 3 pixels",
        ),
        (
            "AvgPool2d",
            {"padding": ((0, 2), (0, 0))},
            "padding is ((0, 2), (0, 0)), but must be at most 1 on axis H: half the window's "
            "reach, 1*(3-1)+1 = 3 pixels",
        ),
    ],
    ids=str,
)
def test_wrong_combination(name: str, arguments: dict[str, Any], message: str) -> None:
    error = error_of(name, arguments)
    assert type(error) is ArgumentError
    assert str(error) == message


@pytest.mark.parametrize("name", NAMES)
def test_most_padding(name: str) -> None:
    """The limit itself is allowed; unpooling, like the convolutions, has none."""
    limits = {"MaxPool2d": ((2, 2), (1, 1)), "AvgPool2d": ((1, 1), (1, 1))}
    spread = {"dilation": (2, 1)} if name == "MaxPool2d" else {}
    padding = limits.get(name, ((50, 50), (50, 50)))
    assert LAYERS[name](**REQUIRED[name] | spread, padding=padding).pads == padding


def holding_itself() -> list[Any]:
    inside: list[Any] = []
    inside += [inside, inside]
    return inside


def nested(times: int, inner: list[Any], width: int) -> list[Any]:
    for _ in range(times):
        inner = [inner] * width
    return inner


MONSTERS: dict[str, Callable[[], Any]] = {
    "holds itself": holding_itself,
    "2^25 numbers in print": lambda: nested(25, [1, 1], width=2),
    "deep": lambda: nested(100_000, [1], width=1),
    "long": lambda: [1] * 1_000_000,
    "long with pairs": lambda: [[1, 1]] * 1_000_000,
    "long text": lambda: "1" * 10_000_000,
    "large array": lambda: np.zeros(10_000_000),
    "more digits than Python prints": lambda: -(10**5000),
    "such digits in a pair": lambda: (1, -(10**5000)),
}


@pytest.mark.parametrize("monster", MONSTERS)
def test_monster(monster: str) -> None:
    """However a value is nested or long, the answer comes at once and is short."""
    value = MONSTERS[monster]()
    for name in NAMES:
        for argument in inspect.signature(LAYERS[name]).parameters:
            if isinstance(value, int) and argument == "divisor_override":
                continue  # it may be any whole number but 0
            start = time.process_time()  # not the clock: other tests run beside this one
            message = str(error_of(name, {argument: value}))
            assert time.process_time() - start < 1, argument
            assert message.startswith(argument)
            assert len(message) < 400, argument
