"""What a renderer is told beside the drawing."""

from dataclasses import dataclass

from convpool.pictures.themes import THEMES, Theme


@dataclass(frozen=True)
class Look:
    """How a drawing becomes a file.

    Args:
        theme: its colours.
        scale: pixels for each of the drawing's; a size in the file for formats without pixels.
        seconds: how long each frame is shown.
    """

    theme: Theme = THEMES["light"]
    scale: float = 1.0
    seconds: float = 0.5
