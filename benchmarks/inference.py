"""Networks in evaluation: PyTorch's own layers, convpool's in their place, and other runtimes."""

import io
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.nn import Module

from benchmarks.contest import OURS, Check, Score, Trial, score_of
from benchmarks.networks.weights import settled
from convpool.bench.contestants import Run
from convpool.bench.models import TOLERANCE, using_threads
from convpool.bench.race import Pace
from convpool.bench.task import as_arrays, error, largest
from convpool.errors import ArgumentError
from convpool.nn.folding import fold
from convpool.nn.swapping import accelerate


def measure(trial: Trial, names: Sequence[str], pace: Pace) -> Score:
    """Return the trial's score among contestants of these names, beside float64's outputs."""
    model = settled(trial.network)
    images = torch.randn(
        trial.network.shape(trial.batch), generator=torch.Generator().manual_seed(1)
    )
    with using_threads(trial.threads):
        runs = {name: WAYS[name](model, images, trial.threads) for name in names}
        with torch.inference_mode():
            expected = as_arrays(deepcopy(model).double()(images.double()))
            check = Check("output", TOLERANCE, lambda output: error(output, expected, largest))
            return score_of(trial, runs, [check], pace)


def _torch(model: Module, images: Tensor, _threads: int) -> Run:
    return partial(model, images)


def _inductor(model: Module, images: Tensor, _threads: int) -> Run:
    torch.compiler.reset()
    return partial(torch.compile(model, dynamic=False), images)


def _onnxruntime(model: Module, images: Tensor, threads: int) -> Run:
    from benchmarks.peers.onnx_runtime import bound

    shape = model(images).shape
    return bound(_exported(model, images), images.numpy(), shape, threads)


def _openvino(model: Module, images: Tensor, threads: int) -> Run:
    from benchmarks.peers.open_vino import request

    return request(_exported(model, images), images.numpy(), threads)


def _exported(model: Module, images: Tensor) -> bytes:
    """Return the model as ONNX, by the exporter that needs no packages but `onnx`."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is old, and says what it doesn't fold
        names = {"input_names": ["input"], "output_names": ["output"]}
        torch.onnx.export(model, (images,), content, **names, dynamo=False)  # type: ignore[arg-type]
    return content.getvalue()


def _accelerated(model: Module, images: Tensor, _threads: int) -> Run:
    return partial(accelerate(model, copy=True).model, images)


def _folded(model: Module, images: Tensor, _threads: int) -> Run:
    return partial(fold(model, images).model, images)


WAYS: dict[str, Callable[[Module, Tensor, int], Run]] = {
    "torch": _torch,
    "inductor": _inductor,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "accelerated": _accelerated,
    "folded": _folded,
}
"""Each contestant: from a model, its input and the threads to a call that returns the output."""
PEERS = tuple(name for name in WAYS if name not in OURS)


def contestants(text: str) -> tuple[str, ...]:
    """Return the peers of a text such as "torch,inductor", and ours.

    Raises:
        ArgumentError: one isn't known, or something that it needs is missing.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in PEERS:
            raise ArgumentError("--peers", name, f"one of {', '.join(PEERS)}")
        if (need := _missing(name)) is not None:
            raise ArgumentError("--peers", name, f"possible here: it needs {need}")
    return *dict.fromkeys(names), *(name for name in WAYS if name in OURS)


def _missing(name: str) -> str | None:
    """Return what a peer needs that isn't there."""
    if name == "inductor":
        compiler = os.environ.get("CXX", "g++")
        return None if shutil.which(compiler) else f"the compiler {compiler}"
    needs = {"onnxruntime": ("onnx", "onnxruntime"), "openvino": ("onnx", "openvino")}
    return next((module for module in needs.get(name, ()) if find_spec(module) is None), None)
