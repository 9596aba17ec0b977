"""`convpool run --data cifar10 --download`, from a server on this machine."""

import hashlib
import io
import tarfile
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from convpool.images import Archive, fetch_archive
from tests.cli.command import Command
from tests.images.test_images_download import Serve, serve

__all__ = ["serve"]  # the fixture

FOLDER = "cifar-10-batches-bin"
TEST_BATCH = b"\x03" + bytes(3072)
RECORDS = 10_000


@pytest.fixture
def small_cifar10(serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Archive:
    """An archive of the test split only, all black, in the place of the official one."""
    monkeypatch.chdir(tmp_path)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        entry = tarfile.TarInfo(f"{FOLDER}/test_batch.bin")
        entry.size = RECORDS * len(TEST_BATCH)
        tar.addfile(entry, io.BytesIO(TEST_BATCH * RECORDS))
    archive = replace(
        serve(stream.getvalue()), folder=FOLDER, members=(("test_batch.bin", entry.size),)
    )
    use(archive, monkeypatch)
    return archive


def use(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "convpool.images.download.fetch_archive", partial(fetch_archive, archive=archive)
    )


RUN = ("run", "MaxPool2d(3)", "--data", "cifar10", "--download", "--limit", "2", "--logdir", "logs")


def test_download_and_run(small_cifar10: Archive, command: Command) -> None:
    answer = command(*RUN)
    assert (answer.status, answer.err) == (0, "")
    assert "downloading CIFAR-10" in answer.out
    assert (Path("data") / FOLDER / "test_batch.bin").stat().st_size == RECORDS * len(TEST_BATCH)
    again = command(*RUN[:-1], "logs2")
    assert again.status == 0


def test_wrong_checksum_is_one_line_and_leaves_nothing(
    small_cifar10: Archive, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = hashlib.md5(b"another archive").hexdigest()
    use(replace(small_cifar10, md5=wrong), monkeypatch)
    answer = command(*RUN)
    assert answer.status == 1
    assert answer.err.startswith("error: ")
    assert wrong in answer.err
    assert answer.err.count("\n") == 1
    assert list(Path().iterdir()) == []
