"""`convpool animate`: a layer at work, step by step, in the terminal or as a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convpool.cli.numbers import NUMBERS, read_numbers
from convpool.errors import ArgumentError
from convpool.notation import input_shape, parse_layer, parse_shape
from convpool.spec import ConvolutionSpec, LayerSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convpool.pictures.animation import Animation
    from convpool.pictures.frames import Film

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")


def animate(
    layer: Annotated[
        str | None, typer.Argument(metavar="LAYER", help="A layer, as in PyTorch.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option("--input", metavar="SIZE", help="HxW or CxHxW. [default: a few frames]"),
    ] = None,
    values: Annotated[
        str,
        typer.Option(metavar="NUMBERS", help=f"The input: random, sequence, an image, {NUMBERS}."),
    ] = "random",
    weights: Annotated[
        str | None,
        typer.Option(metavar="NUMBERS", help="random (default), sequence, or as --values."),
    ] = None,
    bias: Annotated[str | None, typer.Option(metavar="NUMBERS", help="One a filter.")] = None,
    indices: Annotated[
        str | None, typer.Option(metavar="NUMBERS", help="The indices, for MaxUnpool2d.")
    ] = None,
    view: Annotated[
        str | None, typer.Option(help="How it is laid out. [default: what suits the layer]")
    ] = None,
    theme: Annotated[str, typer.Option(help="light or dark.")] = "light",
    speed: Annotated[float, typer.Option(help="1 is two frames a second.")] = 1.0,
    scale: Annotated[float, typer.Option(help="2 doubles the picture.")] = 1.0,
    fine: Annotated[bool, typer.Option("--fine", help="A frame for each product.")] = False,
    channel: Annotated[int | None, typer.Option(help="Frames of this output channel.")] = None,
    frames: Annotated[
        str | None, typer.Option(metavar="A:B", help="The frames from A up to B, B left out.")
    ] = None,
    frame: Annotated[int | None, typer.Option(help="This frame alone, from 0.")] = None,
    strip: Annotated[
        bool, typer.Option("--strip", help="All frames side by side, as one still.")
    ] = False,
    crop: Annotated[
        str | None, typer.Option(metavar="HxW", help="Only the middle of the input.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .svg, .gif, .png, .webp, .apng, .mp4 or .html."),
    ] = None,
    gallery: Annotated[
        Path | None, typer.Option(help="Write the standard animations into this folder.")
    ] = None,
) -> None:
    """Show what a layer does, step by step: in the terminal, or as a picture with -o."""
    if gallery is not None:
        if layer is not None:
            raise ArgumentError("--gallery", str(gallery), "given without a layer")
        _write_gallery(gallery, theme)
        return
    if layer is None:
        raise ArgumentError("layer", layer, "given, such as 'Conv2d(1, 1, 3)', or --gallery DIR")
    spec = parse_layer(layer)  # before the imports: they take longer than finding a slip

    from convpool.pictures.animation import Animation, look_of
    from convpool.pictures.frames import film
    from convpool.pictures.frames.values import cropped
    from convpool.pictures.renderers import renderer
    from convpool.pictures.views import draw

    look = look_of(theme=theme, speed=speed, scale=scale)
    if output is not None:
        renderer(output)  # an unknown extension, before the work
    image = _image(spec, size, values)
    if crop is not None:
        image = cropped(spec, image, _plane("--crop", crop))
    told = film(
        spec,
        image,
        _numbers("--weights", weights),
        _numbers("--bias", bias),
        indices=_numbers("--indices", indices),
        fine=fine,
        channel=channel,
    )
    shown = Animation(draw(_cut(told, frames), view), look)
    if frame is not None:
        shown = shown.frame(frame)
    if strip:
        shown = shown.strip()
    if output is None:
        _play(shown)
        return
    shown.save(output)
    typer.echo(_report(output, shown))


def _image(spec: LayerSpec, size: str | None, values: str) -> Any:
    """Return what `film` takes as its input: numbers, a size or nothing."""
    from convpool.pictures.frames.values import checked_shape, image_of, sequence

    if values == "random":
        return size
    if values == "sequence":
        return sequence(image_of(spec, size).shape)
    if Path(values).suffix.lower() in _PICTURES:
        return _picture(spec, values, None if size is None else _plane("--input", size))
    array = read_numbers("--values", values)
    if size is not None:
        shape = checked_shape("--input", input_shape("--input", size, spec))
        if checked_shape("--values", array.shape) != shape:
            raise ArgumentError("shape of --values", array.shape, f"that of --input, {shape}")
    return array


def _picture(spec: LayerSpec, path: str, size: tuple[int, int] | None) -> "NDArray[Any]":
    """Return an image file's pixels from 0 to 1, grey where the layer takes one channel."""
    from convpool.images import open_source

    pixels: NDArray[Any] = next(open_source(path, size=size).batches(1)).images[0]
    grey = isinstance(spec, ConvolutionSpec) and spec.in_channels == 1
    return pixels.mean(axis=0, keepdims=True) if grey else pixels


def _numbers(argument: str, text: str | None) -> Any:
    return text if text in (None, "random", "sequence") else read_numbers(argument, text)


def _plane(argument: str, text: str) -> tuple[int, int]:
    shape = parse_shape(argument, text)
    if len(shape) != 2:
        raise ArgumentError(argument, text, "HxW, such as 16x16")
    return shape[0], shape[1]


def _cut(told: "Film", frames: str | None) -> "Film":
    if frames is None:
        return told
    first, colon, end = frames.partition(":")
    if not colon or not all(
        part.isascii() and (part.isdigit() or not part) for part in (first, end)
    ):
        raise ArgumentError("--frames", frames, "A:B, such as 10:20, 10: or :20")
    return told.cut(int(first or 0), int(end) if end else None)


def _play(shown: "Animation") -> None:
    import sys

    from convpool.pictures.renderers.terminal import play

    play(shown.drawing, shown.look, sys.stdout)


def _report(path: Path, shown: "Animation") -> str:
    from convpool.cli.text import bytes_text

    frames = "1 frame" if len(shown) == 1 else f"{len(shown):,} frames"
    return f"{path}: {frames}, {bytes_text(path.stat().st_size)}"


def _write_gallery(folder: Path, theme: str) -> None:
    from convpool.cli.text import bytes_text
    from convpool.pictures.gallery import write_gallery

    paths = []
    for path in write_gallery(folder, theme=theme):
        typer.echo(str(path))
        paths.append(path)
    total = bytes_text(sum(path.stat().st_size for path in paths))
    typer.echo(f"{len(paths)} files, {total}")
