"""The board: pictures, texts and numbers written as TensorBoard events.

Records are framed by tensorboardX but written here one after the other, without its queue and
thread: when the disk is full, the call that cannot write says so, where the thread would die and
leave the next callers waiting for room in its queue.
"""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from convpool.errors import ArgumentError, DataError
from convpool.pictures.png import png_bytes
from convpool.pictures.tiles import Tiling

_FLUSH_SECONDS = 5.0  # how far a TensorBoard that watches a run may be behind


class Board:
    """Writes one TensorBoard event file; a context manager, closed also when the work fails.

    Args:
        logdir: the folder for the event file, made if missing. Each board adds a file of its own.

    Raises:
        DataError: where the folder or the file in it cannot be written; also from each method,
            when the disk is full.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Board(folder) as board:
        ...         board.images("input", np.zeros((8, 8, 3), np.uint8), step=0)
        ...     board.path.name.startswith("events.out.tfevents.")
        True
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        with _without_torch():
            from tensorboardX import RecordWriter  # noqa: PLC0415 - slow, and for runs only
        # Absolute, because tensorboardX takes what stands before a colon for a kind of storage.
        folder = Path(logdir).absolute()
        self.path = folder / _file_name()
        self._closed = False
        self._flush_at = time.monotonic() + _FLUSH_SECONDS
        with self._failing_as_data_error():
            folder.mkdir(parents=True, exist_ok=True)
            self._records = RecordWriter(str(self.path))
        self._write(file_version="brain.Event:2")

    def images(self, tag: str, picture: Tiling | npt.NDArray[np.uint8], step: int) -> None:
        """Write one picture as PNG.

        Args:
            tag: the name it is filed under; a slash makes groups.
            picture: a tiling, or pixels uint8 (H, W, 3) or (H, W).
            step: the place of the batch in the run.

        Raises:
            ArgumentTypeError, ArgumentError: where the pixels do not make a picture, or the board
                is closed.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder, Board(folder) as board:
            ...     board.images("input", np.zeros((8, 8, 3), np.uint8), step=0)
        """
        pixels = picture.pixels if isinstance(picture, Tiling) else picture
        encoded = png_bytes(pixels)  # first, because it checks the shape
        image = {
            "height": pixels.shape[0],
            "width": pixels.shape[1],
            "colorspace": 3 if pixels.ndim == 3 else 1,
            "encoded_image_string": encoded,
        }
        self._write(step=step, summary={"value": [{"tag": tag, "image": image}]})

    def text(self, tag: str, markdown: str, step: int = 0) -> None:
        """Write a text, shown as Markdown.

        Raises:
            ArgumentError: where the board is closed.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder, Board(folder) as board:
            ...     board.text("layers", "1. `Conv2d(3, 8, 3)`")
        """
        value = {
            "tag": tag,
            "metadata": {"plugin_data": {"plugin_name": "text"}},
            "tensor": {
                "dtype": "DT_STRING",
                "tensor_shape": {"dim": [{"size": 1}]},
                "string_val": [markdown.encode()],
            },
        }
        self._write(step=step, summary={"value": [value]})

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Write one point of a curve.

        Raises:
            ArgumentError: where the board is closed.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder, Board(folder) as board:
            ...     board.scalar("images per second", 1234.5, step=0)
        """
        self._write(step=step, summary={"value": [{"tag": tag, "simple_value": float(value)}]})

    def close(self) -> None:
        """Write what is still held back and close the file; a second call does nothing.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     Board(folder).close()
        """
        if self._closed:
            return
        self._closed = True
        with self._failing_as_data_error():
            try:
                self._records.flush()
            finally:
                self._records.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except DataError as unwritten:
            if error is None:
                raise
            error.add_note(str(unwritten))

    def _write(self, **event: Any) -> None:
        """Append one event, and bring the file up to date every few seconds."""
        from tensorboardX.proto.event_pb2 import Event  # noqa: PLC0415 - as in __init__

        if self._closed:
            raise ArgumentError("the board", str(self.path), "open: it has been closed")
        record = Event(wall_time=time.time(), **event).SerializeToString()
        with self._failing_as_data_error():
            self._records.write(record)
            if time.monotonic() >= self._flush_at:
                self._records.flush()
                self._flush_at = time.monotonic() + _FLUSH_SECONDS

    @contextmanager
    def _failing_as_data_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            message = f"cannot write TensorBoard events to {self.path.parent}: {reason}"
            raise DataError(message) from error


def _file_name() -> str:
    """A name that TensorBoard reads in order of time and that no other board has."""
    now = time.time_ns()
    seconds, rest = divmod(now, 10**9)
    return f"events.out.tfevents.{seconds}.{socket.gethostname()}.{os.getpid()}.{rest}"


@contextmanager
def _without_torch() -> Iterator[None]:
    """Keep torch from being imported, where it has not been.

    tensorboardX imports it if it can, for nothing but an annotation, and that takes over a second.
    None in `sys.modules` makes the import fail, which tensorboardX takes as "not installed".
    """
    if "torch" in sys.modules or "tensorboardX" in sys.modules:
        yield
        return
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.modules.pop("torch", None)
