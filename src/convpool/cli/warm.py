"""`convpool warm`: compiles the kernels that most networks need, before they are needed."""

from typing import TYPE_CHECKING, Annotated

import typer

from convpool.errors import ArgumentError

if TYPE_CHECKING:
    from convpool.request import Array
    from convpool.spec import LayerSpec

_DTYPES = ("float32", "float64")


def warm(
    dtype: Annotated[str, typer.Option(help="Element type: float32 or float64.")] = "float32",
    training: Annotated[bool, typer.Option("--training", help="Gradients too.")] = False,
) -> None:
    """Compile the common kernels ahead, so that first calls are quick."""
    if dtype not in _DTYPES:
        raise ArgumentError("--dtype", dtype, f"one of {', '.join(_DTYPES)}")
    from time import perf_counter

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from convpool.dispatch import plan
    from convpool.functional.calls import operation
    from convpool.kernels.common import COMMON
    from convpool.notation import parse_layer

    console = Console(highlight=False)
    layers = [(parse_layer(text), shape) for text, shape in COMMON]
    ours = [
        (layer, shape)
        for layer, shape in layers
        if plan(operation(layer), layer, shape[1:], dtype).engine == "kernels"
    ]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    start = perf_counter()
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task("compiling", total=len(ours))
        for layer, shape in ours:
            bar.update(task, description=layer.name)
            _run(layer, shape, dtype, training)
            bar.advance(task)
    console.print(f"{_kept()}, {perf_counter() - start:.1f} s", soft_wrap=True)


def _run(layer: "LayerSpec", shape: tuple[int, ...], dtype: str, training: bool) -> None:
    """Call the layer with threads and without, on numbers and, for poolings, on NaN."""
    import numpy as np

    from convpool import functional
    from convpool.spec import ConvolutionSpec
    from convpool.threads import get_num_threads, set_num_threads

    images = np.zeros(shape, dtype)
    others = [images] if isinstance(layer, ConvolutionSpec) else [images, images + np.nan]
    weight = np.zeros(layer.weight_shape, dtype) if isinstance(layer, ConvolutionSpec) else None
    threads = get_num_threads()
    try:
        for count in {1, threads}:
            set_num_threads(count)
            for array in others:
                functional.apply(layer, array, weight)
            if training:
                _run_gradients(layer, images, weight)
    finally:
        set_num_threads(threads)


def _run_gradients(layer: "LayerSpec", images: "Array", weight: "Array | None") -> None:
    import numpy as np

    from convpool.arithmetic import output_shape
    from convpool.dispatch import plan
    from convpool.functional.calls import operation
    from convpool.spec import MaxPool2dSpec

    gradient = np.zeros(output_shape(layer, images.shape), images.dtype)
    plane = images.shape[2:]
    calls: dict[str, tuple[object, ...]] = {}
    if weight is not None:
        name = operation(layer)
        calls[f"{name}_input"] = plane, gradient, weight
        calls[f"{name}_weight"] = images, gradient
        calls["convolution_bias"] = (gradient,)
    elif isinstance(layer, MaxPool2dSpec):
        calls["max_pool2d_backward"] = plane, gradient, np.zeros(gradient.shape, np.int64)
    else:
        calls["avg_pool2d_backward"] = plane, gradient
    for name, arrays in calls.items():
        plan(name, layer, images.shape[1:], images.dtype.name).run(*arrays)


def _kept() -> str:
    """Say how many compiled kernels are kept, and where."""
    from convpool.kernels.caching import cache_folder

    folder = cache_folder()
    count = sum(1 for _ in folder.glob("*.nbc"))
    return f"{count} kernels in {folder}" if count else f"no kernel could be kept in {folder}"
