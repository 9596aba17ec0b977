"""Who takes part: convpool itself, and the peers that are installed."""

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

from convpool.bench.contestants import Contestant
from convpool.errors import ArgumentError

PEERS = {
    "torch": ("convpool.bench.pytorch", ("torch",)),
    "onnxruntime": ("benchmarks.peers.onnx_runtime", ("onnx", "onnxruntime")),
    "openvino": ("benchmarks.peers.open_vino", ("onnx", "openvino")),
}
"""Where each peer's contestant is, and the modules that it needs."""


def installed() -> list[str]:
    """Return the names of the peers that can be imported."""
    return [name for name, (_, modules) in PEERS.items() if all(map(find_spec, modules))]


def chosen(text: str | None) -> list[str]:
    """Return the names of the peers of a text such as "torch,onnxruntime", or all that there are.

    Raises:
        ArgumentError: one isn't known or isn't installed.
    """
    if text is None:
        return installed()
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in PEERS:
            raise ArgumentError("--peers", name, f"one of {', '.join(PEERS)}")
        if name not in installed():
            raise ArgumentError("--peers", name, f"installed (it needs {PEERS[name][1]})")
    return names


def contestants(peers: Sequence[str]) -> list[Contestant]:
    """Return the peers of these names, and convpool as the last."""
    modules = [PEERS[name][0] for name in peers] + ["convpool.bench.ours"]
    made: list[Contestant] = [import_module(module).contestant() for module in modules]
    return made
