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
    target, beside = _target(path)
    try:
        beside.write_bytes(content)
        beside.replace(target)
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):  # the write's own error says more than this one could
            beside.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str], argument: str = "path") -> None:
    """Raise what `write_whole` would, before the work whose result is to be written.

    Raises:
        ArgumentError: the path doesn't name a file.
        DataError: it is a folder, or its folder is missing or can't be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     check_writable(Path(folder) / "note.txt")
        ...     list(Path(folder).iterdir())
        []
    """
    target, beside = _target(path, argument)
    if target.is_dir():
        raise DataError(f"cannot write {target}: it is a folder")
    try:
        beside.touch()
        beside.unlink()
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror or error}") from error


def _target(path: str | os.PathLike[str], argument: str = "path") -> tuple[Path, Path]:
    """Return the path of a file, and of the one beside it that is written first."""
    target = Path(path)
    if not target.name:
        raise ArgumentError(argument, str(path), "the path of a file")
    return target, target.with_name(f".{target.name}.{os.getpid()}.part")
