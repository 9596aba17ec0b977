"""MP4 (H.264) by PyAV, which the extra `video` brings."""

import io
from fractions import Fraction
from types import ModuleType

from PIL import Image

from convpool.errors import DataError
from convpool.pictures.drawing import Drawing
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.reel import pictures, size

_QUALITY = "18"  # x264's constant rate factor: 18 looks as the original does
_CLOCK = Fraction(1, 1000)


def mp4(drawing: Drawing, look: Look) -> bytes:
    """Return the bytes of an MP4 file.

    Raises:
        DataError: where PyAV is missing.

    Example:
        >>> from convpool.pictures.drawing import Polygon, Role
        >>> square = ((2, 2), (6, 2), (6, 6), (2, 6))
        >>> blink = Polygon(square, Role.CHOSEN, range(1, 2))
        >>> film = Drawing(8, 8, (blink,), ("off", "on"), "blink", 8)
        >>> mp4(film, Look())[4:8]
        b'ftyp'
    """
    av = _av()
    width, height = (side + side % 2 for side in size(drawing, look))  # H.264 halves the colours
    paper = Image.new("RGB", (width, height), look.theme.background)
    ticks = max(1, round(look.seconds / _CLOCK))
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=1 / (ticks * _CLOCK))
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": _QUALITY, "tune": "animation"}
        stream.codec_context.time_base = _CLOCK
        for number, (image, _) in enumerate(pictures(drawing, look)):
            paper.paste(image)
            frame = av.VideoFrame.from_image(paper)
            frame.time_base, frame.pts, frame.duration = _CLOCK, number * ticks, ticks
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def _av() -> ModuleType:
    try:
        import av  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        raise DataError("an .mp4 needs PyAV: pip install 'convpool[video]'") from error
    module: ModuleType = av
    return module
