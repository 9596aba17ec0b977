"""CIFAR-10 from its home page, in full or not at all.

Everything happens in a temporary folder inside the target's parent; only a complete, checked folder
is renamed to its place, so an interruption at any moment leaves nothing behind.
"""

import hashlib
import http.client
import os
import shutil
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from convpool.errors import ArgumentError, DataError

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in total."""

_CHUNK = 1 << 18


@dataclass(frozen=True)
class Archive:
    """A `.tar.gz` file at an address, known to the byte, and what is wanted of it.

    Attributes:
        url: Where it is: http or https.
        bytes: Its size.
        md5: Its checksum, in hexadecimal; it guards against damage, not against an adversary.
        folder: The folder inside the archive, and the one that is made.
        members: Name and size of the files in `folder` to extract; all others are left out.

    Example:
        >>> CIFAR10_BINARY.bytes, CIFAR10_BINARY.folder
        (170052171, 'cifar-10-batches-bin')
    """

    url: str
    bytes: int
    md5: str
    folder: str
    members: tuple[tuple[str, int], ...]


CIFAR10_BINARY = Archive(
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    bytes=170_052_171,
    md5="c32a1d4ab5d03f1284b67883e8d87530",
    folder="cifar-10-batches-bin",
    members=(
        ("data_batch_1.bin", 30_730_000),
        ("data_batch_2.bin", 30_730_000),
        ("data_batch_3.bin", 30_730_000),
        ("data_batch_4.bin", 30_730_000),
        ("data_batch_5.bin", 30_730_000),
        ("test_batch.bin", 30_730_000),
    ),
)


def fetch_archive(
    data_dir: str | os.PathLike[str],
    archive: Archive = CIFAR10_BINARY,
    progress: Progress | None = None,
    timeout: float = 30.0,
) -> Path:
    """Download the archive and extract its members into `data_dir/archive.folder`; return that.

    Where that folder is already there, nothing happens. Size and checksum are compared before the
    archive is opened. On any failure, Ctrl-C included, `data_dir` is left as it was found.

    Args:
        data_dir: The folder to put it in; made if it is not there.
        archive: What to fetch.
        progress: Called with (bytes done, bytes in total) while downloading.
        timeout: Seconds that the server may stay silent.

    Raises:
        ArgumentError: `archive.url` is neither http nor https.
        DataError: the server does not answer, the file is not the one expected, or `data_dir`
            cannot be written; the message says what was found and what was expected.

    Example:
        >>> with TemporaryDirectory() as data_dir:
        ...     Path(data_dir, "cifar-10-batches-bin").mkdir()
        ...     fetch_archive(data_dir).name  # it is there: no download
        'cifar-10-batches-bin'
    """
    if not archive.url.startswith(("https://", "http://")):  # urllib also knows file: and ftp:
        raise ArgumentError("archive.url", archive.url, "an http or https address")
    data_dir = Path(data_dir)
    target = data_dir / archive.folder
    if target.is_dir():
        return target
    with _scratch_folder(data_dir, archive.folder) as scratch:
        file, folder = scratch / "archive", scratch / archive.folder
        with closing(_download(archive, file, timeout)) as download:
            for done in download:
                if progress is not None:
                    progress(done, archive.bytes)
        _extract(archive, file, folder)
        try:
            folder.rename(target)
        except OSError as error:
            if not target.is_dir():  # else another process was first, and its copy is as good
                raise DataError(f"{target} cannot be made: {error}") from error
    return target


@contextmanager
def _scratch_folder(data_dir: Path, name: str) -> Iterator[Path]:
    """Make `data_dir` and a temporary folder in it; take back all that was made on a failure."""
    made = [path for path in (data_dir, *data_dir.parents) if not path.exists()]
    try:
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            scratch = TemporaryDirectory(prefix=f".{name}-", dir=data_dir)
        except OSError as error:
            raise DataError(f"{data_dir} cannot be written: {error}") from error
        with scratch as path:
            yield Path(path)
    except BaseException:
        for folder in made:
            with suppress(OSError):  # it was never made, or someone else has put something in it
                folder.rmdir()
        raise


def _download(archive: Archive, file: Path, timeout: float) -> Generator[int, None, None]:
    """Write the archive to `file`, yielding the bytes done; end by checking what was written."""
    done = 0
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with closing(_chunks(archive, timeout)) as chunks, file.open("wb") as out:
            for chunk in chunks:
                done += len(chunk)
                if done > archive.bytes:
                    raise _unexpected(archive, "more bytes", f"{archive.bytes:,}")
                out.write(chunk)
                digest.update(chunk)
                yield done
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{file} cannot be written: {error}") from error
    if done != archive.bytes:
        raise _unexpected(archive, f"{done:,} bytes", f"{archive.bytes:,}")
    if digest.hexdigest() != archive.md5:
        raise _unexpected(archive, f"md5 {digest.hexdigest()}", archive.md5)


def _chunks(archive: Archive, timeout: float) -> Generator[bytes, None, None]:
    """Yield what the server sends, once it has announced the right size (or none)."""
    url = archive.url
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:  # noqa: S310  # is http(s)
            announced = response.length
            if announced is not None and announced != archive.bytes:
                raise _unexpected(archive, f"{announced:,} bytes", f"{archive.bytes:,}")
            while chunk := response.read(_CHUNK):
                yield chunk
    except DataError:
        raise
    except urllib.error.HTTPError as error:
        with error:
            raise DataError(f"{url} answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise DataError(f"{url} cannot be downloaded: {reason}") from error


def _unexpected(archive: Archive, found: str, expected: str) -> DataError:
    return DataError(f"{archive.url} has {found}, but must have {expected}; nothing was kept")


def _extract(archive: Archive, file: Path, folder: Path) -> None:
    """Write the wanted members into a new `folder`.

    The paths that are written come from `archive.members`, never from the tar file, so that no
    entry can reach outside: whatever is not one of these regular files is passed over.
    """
    missing = {f"{archive.folder}/{name}": (size, folder / name) for name, size in archive.members}
    try:
        folder.mkdir()
        with tarfile.open(file, "r:gz") as tar:
            for entry in tar:
                size, path = missing.get(entry.name, (None, folder))
                if entry.isreg() and entry.size == size:
                    _copy(tar, entry, path)
                    del missing[entry.name]
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise DataError(f"{archive.url} cannot be extracted to {folder}: {error}") from error
    for name, (size, _) in missing.items():
        raise DataError(f"{archive.url} must hold a file {name} of {size:,} bytes, but does not")


def _copy(tar: tarfile.TarFile, entry: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(entry)
    if content is None:  # never so for a regular file
        raise tarfile.ExtractError(f"{entry.name} has no content")
    with content, path.open("wb") as out:
        shutil.copyfileobj(content, out)
    if path.stat().st_size != entry.size:
        raise tarfile.ReadError(f"{entry.name} ends early")
