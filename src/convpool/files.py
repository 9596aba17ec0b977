"""Files are written whole or not at all."""

import contextlib
import os
from pathlib import Path

from convpool.errors import ArgumentError, DataError


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part of it.

    The bytes go to a file beside it, which then takes the name.

    Args:
        path: where to; the folder must exist.
        content: the bytes of the file.

    Raises:
        ArgumentError: the path doesn't name a file.
        DataError: the folder is missing or can't be written, or the disk is full.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_whole(Path(folder) / "note.txt", b"hello")
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['note.txt']
    """
    target = Path(path)
    if not target.name:
        raise ArgumentError("path", str(path), "the path of a file")
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content)
        beside.replace(target)
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):  # the write's own error says more than this one could
            beside.unlink(missing_ok=True)
