"""convpool: Conv2d and MaxPool2d for Python, whole.

Know what a layer will do (`arithmetic`), see it work (`run`, `pictures`), run it (`functional`).
Names load on first use, so importing the package costs next to nothing.

Example:
    >>> import convpool
    >>> layer = convpool.parse_layer("Conv2d(3, 64, 7, stride=2, padding=3)")
    >>> convpool.output_shape(layer, (3, 224, 224))
    (64, 112, 112)
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from convpool.kinds import register

__version__ = "0.1.0"


def _bridge() -> ModuleType:
    from convpool import bridge  # noqa: PLC0415  (it imports torch)

    return bridge


register("torch", _bridge)

if TYPE_CHECKING:
    from convpool import functional, nn
    from convpool.arithmetic import (
        chain_report,
        effective_macs,
        macs,
        memory,
        output_shape,
        parameters,
        receptive_field,
        strided_same,
    )
    from convpool.dispatch import plan
    from convpool.errors import (
        ArgumentError,
        ArgumentTypeError,
        ConvpoolError,
        DataError,
        DtypeError,
    )
    from convpool.functional.binding import bind
    from convpool.images import open_source
    from convpool.nn.folding import fold
    from convpool.nn.fusing import fuse
    from convpool.nn.swapping import accelerate, restore
    from convpool.notation import parse_layer, parse_net
    from convpool.pictures.animation import animate
    from convpool.precisions import get_precision, precision
    from convpool.runs import run
    from convpool.spec import (
        AvgPool2dSpec,
        Conv2dSpec,
        ConvTranspose2dSpec,
        MaxPool2dSpec,
        MaxUnpool2dSpec,
    )
    from convpool.threads import get_num_threads, set_num_threads

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "AvgPool2dSpec",
    "Conv2dSpec",
    "ConvTranspose2dSpec",
    "ConvpoolError",
    "DataError",
    "DtypeError",
    "MaxPool2dSpec",
    "MaxUnpool2dSpec",
    "accelerate",
    "animate",
    "bind",
    "chain_report",
    "effective_macs",
    "fold",
    "functional",
    "fuse",
    "get_num_threads",
    "get_precision",
    "macs",
    "memory",
    "nn",
    "open_source",
    "output_shape",
    "parameters",
    "parse_layer",
    "parse_net",
    "plan",
    "precision",
    "receptive_field",
    "restore",
    "run",
    "set_num_threads",
    "strided_same",
]

_HOMES = {
    "chain_report": "arithmetic",
    "effective_macs": "arithmetic",
    "macs": "arithmetic",
    "memory": "arithmetic",
    "output_shape": "arithmetic",
    "parameters": "arithmetic",
    "receptive_field": "arithmetic",
    "strided_same": "arithmetic",
    "ArgumentError": "errors",
    "ArgumentTypeError": "errors",
    "ConvpoolError": "errors",
    "DataError": "errors",
    "DtypeError": "errors",
    "animate": "pictures.animation",
    "plan": "dispatch",
    "bind": "functional",
    "accelerate": "nn.swapping",
    "fold": "nn.folding",
    "fuse": "nn.fusing",
    "restore": "nn.swapping",
    "open_source": "images",
    "parse_layer": "notation",
    "parse_net": "notation",
    "run": "runs",
    "get_precision": "precisions",
    "precision": "precisions",
    "get_num_threads": "threads",
    "set_num_threads": "threads",
    "AvgPool2dSpec": "spec",
    "Conv2dSpec": "spec",
    "ConvTranspose2dSpec": "spec",
    "MaxPool2dSpec": "spec",
    "MaxUnpool2dSpec": "spec",
}


def __getattr__(name: str) -> object:
    if name in ("functional", "nn"):
        return import_module(f"convpool.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'convpool' has no attribute {name!r}")
    return getattr(import_module(f"convpool.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
