"""A net of the user's own, from a Python file, with weights from another."""

import os
import pickle
import runpy
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

import torch
from torch.nn import Module

from convpool.errors import ArgumentError, DataError

_LONGEST = 300  # characters of another library's message, which may list all of a net's weights


def load_net(
    place: str, weights: str | os.PathLike[str] | None = None, *, seed: int | None = None
) -> Module:
    """Return the net that `FILE.py:NAME` names, which runs the file as Python would.

    Args:
        place: a path and a name, such as "net.py:Net": a subclass of `torch.nn.Module`, or a
            function that returns a module (both are called without arguments), or a module.
        weights: a file that holds a `state_dict`, as `torch.save` writes it; no other Python
            objects are read from it.
        seed: of PyTorch's random numbers, from which a net draws the weights that it starts with.

    Raises:
        ArgumentError: there is no such name, or it is no net, or the weights don't fit it.
        DataError: a file can't be read, or running it failed.

    Example:
        >>> load_net("net")
        Traceback (most recent call last):
        ...
        convpool.errors.ArgumentError: net is 'net', but must be FILE.py:NAME, such as net.py:Net
    """
    file, colon, name = place.rpartition(":")
    if not colon or not file.endswith(".py") or not name.isidentifier():
        raise ArgumentError("net", place, "FILE.py:NAME, such as net.py:Net")
    if seed is not None:
        torch.manual_seed(seed)
    names = _run(Path(file))
    if name not in names:
        found = [key for key, value in names.items() if _is_net(value)]
        known = f"a name in {file}: {', '.join(found) or 'it has no nets'}"
        raise ArgumentError("net", name, known)
    net = names[name]
    if not isinstance(net, Module) and callable(net):
        try:
            net = net()
        except Exception as error:  # whatever the user's code raises
            raise DataError(f"{name}() in {file} failed: {_told(error)}") from error
    if not isinstance(net, Module):
        raise ArgumentError(f"{name} in {file}", net, "a torch.nn.Module, or make one when called")
    if weights is not None:
        _load_weights(net, weights)
    return net


def _run(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise DataError(f"{file} is no file")
    try:
        return runpy.run_path(str(file), run_name=file.stem)
    except SyntaxError as error:
        place = "" if error.lineno is None else f", line {error.lineno}"
        raise DataError(f"{file}{place}: {error.msg}") from error
    except Exception as error:  # whatever the user's code raises
        raise DataError(f"running {file} failed: {_told(error)}") from error


def _load_weights(net: Module, weights: str | os.PathLike[str]) -> None:
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:  # whose text is a page about other files
        reason = "it isn't PyTorch's, or holds more than tensors; save a net's state_dict()"
        raise DataError(f"{os.fspath(weights)} can't be read: {reason}") from error
    except Exception as error:  # any bytes are a program for pickle, which fails as it likes
        raise DataError(f"{os.fspath(weights)} can't be read: {_told(error)}") from error
    if not isinstance(state, Mapping):
        raise ArgumentError("weights", type(state).__name__, "a state_dict, names with tensors")
    try:
        net.load_state_dict(state)
    except Exception as error:  # names that are no text, values that are no tensors
        fit = f"a state_dict that fits {type(net).__name__}: {_told(error)}"
        raise ArgumentError("weights", os.fspath(weights), fit) from error


def _is_net(value: object) -> bool:
    derived = isinstance(value, type) and issubclass(value, Module)
    return isinstance(value, Module) or (derived and not value.__module__.startswith("torch."))


def _told(error: BaseException) -> str:
    return shorten(f"{type(error).__name__}: {error}", _LONGEST, placeholder=" ...")
