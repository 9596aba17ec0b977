"""`convpool apply`: one layer on numbers given on the command line or in a file, numbers out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convpool.cli.numbers import NUMBERS, image_in, read_numbers, shaped
from convpool.errors import ArgumentError
from convpool.notation import parse_layer, shape_text

if TYPE_CHECKING:
    from numpy.typing import NDArray


def apply(
    layer: Annotated[str, typer.Argument(metavar="LAYER", help="A layer, as in PyTorch.")],
    values: Annotated[
        str, typer.Option(metavar="NUMBERS", help=f"The input: {NUMBERS}; HxW, CxHxW or NxCxHxW.")
    ],
    weight: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="The weights, for the convolutions.")
    ] = None,
    bias: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="The bias. [default: zeros]")
    ] = None,
    indices: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="The indices, for MaxUnpool2d.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the result to this .npy file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """Apply a layer to numbers and print the result."""
    import numpy as np

    from convpool import functional
    from convpool.arithmetic import output_shape
    from convpool.spec import ConvolutionSpec, MaxUnpool2dSpec

    spec = parse_layer(layer)
    image = image_in("--values", read_numbers("--values", values))
    output_shape(spec, image.shape, "--values")
    arrays: dict[str, Any] = {}
    if isinstance(spec, ConvolutionSpec):
        arrays["weight"] = shaped("--weight", weight, spec.weight_shape)
        if bias is not None:
            arrays["bias"] = shaped("--bias", bias, (spec.out_channels,))
    elif weight is not None or bias is not None:
        raise ArgumentError("--weight or --bias", spec, "left out for a layer without weights")
    if isinstance(spec, MaxUnpool2dSpec):
        arrays["indices"] = shaped("--indices", indices, image.shape).astype("int64")
    elif indices is not None:
        raise ArgumentError("--indices", spec, "left out for layers other than MaxUnpool2d")
    if isinstance(spec, ConvolutionSpec):
        common = np.result_type(image, *arrays.values())
        image, arrays = image.astype(common), {k: a.astype(common) for k, a in arrays.items()}
    result = functional.apply(spec, image, **arrays)
    found = result if isinstance(result, tuple) else (result,)
    if output is not None:
        _save(output, found[0])
    _print(found, as_json=as_json)


def _save(path: Path, array: "NDArray[Any]") -> None:
    import io

    import numpy as np

    from convpool.files import write_whole

    if path.suffix != ".npy":
        raise ArgumentError("--output", str(path), "the path of a .npy file")
    file = io.BytesIO()
    np.save(file, array)
    write_whole(path, file.getvalue())


def _print(arrays: "tuple[NDArray[Any], ...]", *, as_json: bool) -> None:
    import numpy as np

    names = ("output", "indices")[: len(arrays)]
    if as_json:
        result = {name: array.tolist() for name, array in zip(names, arrays, strict=True)}
        typer.echo(json.dumps(result))
        return
    for name, array in zip(names, arrays, strict=True):
        typer.echo(f"{name} {shape_text(array.shape)}")
        plain = array[0] if array.ndim == 3 and len(array) == 1 else array
        with np.printoptions(threshold=10_000, linewidth=120, suppress=True):
            typer.echo(str(plain))
