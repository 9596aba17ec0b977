"""The folder of one run: claimed by one process, filled whole, or left as it was found."""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convpool.errors import ArgumentError, DataError

DEFAULT_PARENT = Path("runs")
_CLAIM = ".running"


@contextmanager
def claimed(logdir: str | os.PathLike[str] | None) -> Iterator[Path]:
    """Claim a new or empty folder for a run; None takes the next free of runs/NNN.

    If the work inside fails, everything that it wrote is removed, and the folders that were made
    for it, so that the same command can simply be given again.

    Raises:
        ArgumentError: the folder holds something already, or another run has claimed it.
        DataError: it can't be made or written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     with claimed(Path(parent) / "run") as folder:
        ...         _ = (folder / "result.txt").write_text("done")
        ...     sorted(path.name for path in folder.iterdir())
        ['result.txt']
    """
    folder, made = _make(logdir)
    try:
        yield folder
    except BaseException:
        _clear(folder)
        for path in made:
            path.rmdir()
        raise
    (folder / _CLAIM).unlink()


def _make(logdir: str | os.PathLike[str] | None) -> tuple[Path, list[Path]]:
    """Make and claim the folder; return it and the folders made, innermost first."""
    if logdir is not None:
        return _claim(Path(logdir))
    for number in itertools.count(1):
        folder = DEFAULT_PARENT / f"{number:03d}"
        if not folder.exists():
            try:
                return _claim(folder)
            except ArgumentError:  # another run took it in between
                continue
    raise AssertionError("there is always a next number")


def _claim(folder: Path) -> tuple[Path, list[Path]]:
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in folder.iterdir())
        if found:
            raise ArgumentError(
                "logdir", str(folder), f"a new or an empty folder; it holds {', '.join(found[:3])}"
            )
        (folder / _CLAIM).touch(exist_ok=False)
    except FileExistsError:
        if not folder.is_dir():
            raise DataError(f"cannot write to logdir {folder}: it is a file") from None
        raise ArgumentError("logdir", str(folder), "one that no other run is using") from None
    except OSError as error:
        raise DataError(f"cannot write to logdir {folder}: {error.strerror or error}") from error
    return folder, made


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
