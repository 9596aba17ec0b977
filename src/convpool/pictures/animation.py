"""A layer at work, as something to look at: in a notebook, or in a file of any format."""

import html as markup
import os
from dataclasses import dataclass, field, replace
from typing import Any

from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.pictures.cutting import part, strip
from convpool.pictures.drawing import Drawing
from convpool.pictures.frames import film
from convpool.pictures.frames.film import layer_of
from convpool.pictures.frames.values import cropped
from convpool.pictures.renderers import renderer, save
from convpool.pictures.renderers.look import Look
from convpool.pictures.themes import theme_named
from convpool.pictures.views import draw
from convpool.spec import LayerSpec
from convpool.spec.arguments import integer

_CONTROLS = 128  # pixels that the player's buttons and caption take beneath the picture


@dataclass(frozen=True, eq=False, repr=False)
class Animation:
    """A film that is drawn and has its look; a notebook shows it with a player.

    Args:
        drawing: the shapes of all frames.
        look: theme, scale and pace.

    Example:
        >>> animate("Conv2d(1, 1, 2)", "3x3")
        <animation of Conv2d(1, 1, kernel_size=(2, 2), stride=(1, 1)), 4 frames>
        >>> shown = animate("MaxPool2d(2)", [[1, 2], [4, 3]])
        >>> len(shown), shown.drawing.captions
        (1, ('output at row 0, column 0: max(1, 2, 4, 3) = 4 at index 2',))
    """

    drawing: Drawing
    look: Look = field(default_factory=Look)

    def __len__(self) -> int:
        return self.drawing.count

    def __repr__(self) -> str:
        frames = "1 frame" if len(self) == 1 else f"{len(self)} frames"
        return f"<animation of {self.drawing.title}, {frames}>"

    def frame(self, number: int) -> "Animation":
        """Return one frame, as a still picture; -1 is the last.

        Raises:
            ArgumentError: there is no such frame.
        """
        count = len(self)
        place = integer("frame", number, "a whole number")
        if not -count <= place < count:
            raise ArgumentError("frame", place, f"from 0 to {count - 1}, or -1 for the last")
        place %= count
        return replace(self, drawing=part(self.drawing, range(place, place + 1)))

    def strip(self) -> "Animation":
        """Return all frames side by side, as a still picture."""
        return replace(self, drawing=strip(self.drawing))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file, whole or not at all; its extension says in what format.

        Raises:
            ArgumentError: the extension is none that can be drawn.
            DataError: the file can't be written, or a package for this format is missing.
        """
        save(self.drawing, path, self.look)

    def _repr_html_(self) -> str:
        """Return a player for a notebook, in a frame that keeps its styles to itself."""
        page = renderer("player.html")(self.drawing, self.look).decode()
        width, height = (
            round(size * self.look.scale) for size in (self.drawing.width, self.drawing.height)
        )
        return (
            f'<iframe srcdoc="{markup.escape(page)}" width="{width + 32}" '
            f'height="{height + _CONTROLS}" style="border:0;max-width:100%"></iframe>'
        )


def animate(
    layer: str | LayerSpec,
    input: Any = None,
    weight: Any = None,
    bias: Any = None,
    *,
    indices: Any = None,
    view: str | None = None,
    theme: str = "light",
    speed: float = 1.0,
    fine: bool = False,
    channel: int | None = None,
    frames: tuple[int, int | None] | None = None,
    crop: tuple[int, int] | None = None,
) -> Animation:
    """Return a picture of what a layer does with one image, step by step.

    Args:
        layer: a layer, or text such as "Conv2d(1, 1, 3, padding=1)".
        input: numbers (H, W), (C, H, W) or (1, C, H, W); or their size, as "5x5" or (5, 5), for
            small whole numbers; None for a size that makes a few frames.
        weight: numbers in the layer's shape (axes of length 1 may be left out), "random" (the
            default) or "sequence".
        bias: one number a filter; None adds nothing.
        indices: for MaxUnpool2d, of the input's shape; None makes some by pooling.
        view: one of those that the layer has ("flat", "stacked", "channels", "matrix", for
            transposed layers also "scatter", "stuffed", "linked"); None for the usual one.
        theme: "light" or "dark".
        speed: 1 shows each frame for half a second, 2 for a quarter.
        fine: one frame for each product, instead of one for each output cell.
        channel: the output channel whose frames are shown; None for all.
        frames: the first frame and the one after the last; None for all.
        crop: rows and columns to keep of the input, around its middle.

    Raises:
        ArgumentError, ArgumentTypeError: the layer doesn't take these arrays, the picture would
            have more cells than can be told apart, or a name is unknown.

    Example:
        >>> shown = animate("Conv2d(1, 1, 3, padding=1)", input="5x5", theme="dark")
        >>> len(shown), len(shown.frame(-1))
        (25, 1)
    """
    spec = layer_of(layer)
    image = input if crop is None else cropped(spec, input, crop)
    told = film(spec, image, weight, bias, indices=indices, fine=fine, channel=channel)
    if frames is not None:
        told = told.cut(*frames)
    return Animation(draw(told, view), look_of(theme=theme, speed=speed))


def look_of(*, theme: str = "light", speed: float = 1.0, scale: float = 1.0) -> Look:
    """Return a look from what people choose.

    Raises:
        ArgumentError: no such theme, or a speed or a scale that isn't sensible.
    """
    for argument, value, highest in (("speed", speed, 25), ("scale", scale, 16)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ArgumentTypeError(argument, value, "a number")
        if not 0.01 <= value <= highest:
            raise ArgumentError(argument, value, f"a number from 0.01 to {highest}")
    return Look(theme_named(theme), scale, Look.seconds / speed)
