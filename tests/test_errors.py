"""The errors: which classes they are, what they say, and that they travel between processes."""

import inspect
import pickle
from typing import Any

import numpy as np
import pytest

import convpool
from convpool import errors
from convpool.errors import (
    ArgumentError,
    ArgumentTypeError,
    ConvpoolError,
    DataError,
    DtypeError,
    shown,
)

CLASSES = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, Exception) and kind is not errors.NamedArgumentError
]


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (ArgumentError, (ValueError, RuntimeError)),  # PyTorch's modules, PyTorch's functions
        (ArgumentTypeError, (TypeError,)),
        (DtypeError, (TypeError, NotImplementedError, RuntimeError)),
        (DataError, (OSError,)),
    ],
)
def test_classes(kind: type[ConvpoolError], bases: tuple[type[Exception], ...]) -> None:
    builtin = (ValueError, RuntimeError, TypeError, NotImplementedError, OSError)
    assert {base for base in builtin if issubclass(kind, base)} == set(bases)
    assert issubclass(kind, ConvpoolError)


def test_every_error_is_exported() -> None:
    assert len(CLASSES) == 5
    for kind in CLASSES:
        assert getattr(convpool, kind.__name__) is kind
        assert kind.__name__ in convpool.__all__


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ArgumentError("stride", 0, "at least 1"), "stride is 0, but must be at least 1"),
        (
            ArgumentTypeError("stride", "2", "a number"),
            "stride is '2' (str), but must be a number",
        ),
        (
            ArgumentTypeError("stride", None, "a number"),
            "stride is None (NoneType), but must be a number",
        ),
        (
            DtypeError("input", np.dtype("int32"), "one of float32"),
            "input has dtype int32, but must have one of float32",
        ),
        (DataError("cannot read it"), "cannot read it"),
        (ConvpoolError("no"), "no"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_message_survives_pickling(error: ConvpoolError, message: str) -> None:
    assert str(error) == message
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert again.args == error.args
    assert str(again) == message


@pytest.mark.parametrize(
    "value",
    [0, -1.5, None, True, (1, 2), [[1, 2], [3, 4]], "same", b"x", 2**70, {"a": 1}, (), np.int8(3)],
    ids=repr,
)
def test_shown_in_full(value: object) -> None:
    assert shown(value) == repr(value)


def test_shown_in_part() -> None:
    assert shown("a" * 118) == repr("a" * 118)
    assert shown("a" * 119) == "'" + "a" * 116 + "..."
    assert shown("a" * 10**6) == "'" + "a" * 116 + "..."
    assert shown(10**200) == "1" + "0" * 116 + "..."
    assert shown(list(range(10**6))).startswith("[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ")
    assert len(shown(np.zeros((50, 50)))) == 120


def test_shown_whatever_it_is() -> None:
    class Unprintable:
        def __repr__(self) -> str:
            raise KeyError("no repr")

    inside: list[Any] = []
    inside.append(inside)
    assert "Unprintable" in shown(Unprintable())
    assert "Unprintable" in shown([Unprintable()])
    assert shown(inside).startswith("[[[")
    assert shown(10**5000) == "int too long to print"
