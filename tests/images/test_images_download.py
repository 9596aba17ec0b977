"""Downloading from a server on this machine: all of it, or nothing and a clear word."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from convpool.errors import ArgumentError, DataError
from convpool.images import CIFAR10_BINARY, Archive, fetch_archive

FILES = {"one.bin": b"1" * 700_000, "two.bin": bytes(range(256)) * 10}


def file_entry(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    return entry, content


def link_entry(name: str, target: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry, b""


def tar_gz(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    # Stored rather than compressed, so that the download takes more than one chunk.
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=0) as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


ONE, TWO = (file_entry(f"small/{name}", content) for name, content in FILES.items())
GOOD = tar_gz(ONE, file_entry("small/readme.html", b"<p>"), TWO)


class Handler(BaseHTTPRequestHandler):
    body = b""
    announce = True

    def do_GET(self) -> None:
        if self.path == "/gone.tar.gz":
            self.send_error(404)
            return
        self.send_response(200)
        if self.announce:
            self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        with suppress(ConnectionError):  # the client has heard enough
            self.wfile.write(self.body)

    def log_message(self, *args: object) -> None:
        pass


Serve = Callable[..., Archive]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that sends these bytes; return the archive as it should be."""
    servers = []

    def start(body: bytes, *, expected: bytes | None = None, announce: bool = True) -> Archive:
        handler = type("OneBody", (Handler,), {"body": body, "announce": announce})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        expected = body if expected is None else expected
        return Archive(
            url=f"http://127.0.0.1:{server.server_port}/small.tar.gz",
            bytes=len(expected),
            md5=hashlib.md5(expected).hexdigest(),
            folder="small",
            members=tuple((name, len(content)) for name, content in FILES.items()),
        )

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def refused(data_dir: Path, archive: Archive) -> str:
    """Return the message of the DataError, having checked that nothing was left."""
    before = sorted(data_dir.rglob("*"))
    with pytest.raises(DataError) as caught:
        fetch_archive(data_dir, archive, timeout=5)
    assert sorted(data_dir.rglob("*")) == before
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("announce", [True, False])
def test_members_are_extracted_and_nothing_else(
    serve: Serve, tmp_path: Path, announce: bool
) -> None:
    archive = serve(GOOD, announce=announce)
    calls: list[tuple[int, int]] = []
    data_dir = tmp_path / "new" / "data"
    folder = fetch_archive(data_dir, archive, lambda done, total: calls.append((done, total)))
    assert folder == data_dir / "small"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == FILES
    assert list(data_dir.iterdir()) == [folder]
    assert len(calls) > 1
    assert calls == sorted(calls)
    assert calls[-1] == (len(GOOD), len(GOOD))


def test_a_folder_that_is_there_is_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / CIFAR10_BINARY.folder).mkdir()
    assert fetch_archive(tmp_path) == tmp_path / CIFAR10_BINARY.folder
    assert list((tmp_path / CIFAR10_BINARY.folder).iterdir()) == []


def test_the_official_archive() -> None:
    assert CIFAR10_BINARY.bytes == 170_052_171
    assert CIFAR10_BINARY.md5 == "c32a1d4ab5d03f1284b67883e8d87530"
    assert {size for _, size in CIFAR10_BINARY.members} == {10_000 * 3_073}


def test_wrong_checksum(serve: Serve, tmp_path: Path) -> None:
    archive = serve(GOOD)
    message = refused(tmp_path, replace(archive, md5="0" * 32))
    assert message == (
        f"{archive.url} has md5 {archive.md5}, but must have {'0' * 32}; nothing was kept"
    )


@pytest.mark.parametrize("body", [GOOD[:-1], GOOD + b"x", b""], ids=["short", "long", "empty"])
def test_another_size_is_refused_before_the_download(
    serve: Serve, tmp_path: Path, body: bytes
) -> None:
    archive = serve(body, expected=GOOD)
    assert refused(tmp_path, archive) == (
        f"{archive.url} has {len(body):,} bytes, but must have {len(GOOD):,}; nothing was kept"
    )


def test_a_server_that_stops_early(serve: Serve, tmp_path: Path) -> None:
    archive = serve(GOOD[:-1], expected=GOOD, announce=False)
    assert f"has {len(GOOD) - 1:,} bytes, but must have" in refused(tmp_path, archive)


def test_a_server_that_does_not_stop(serve: Serve, tmp_path: Path) -> None:
    archive = serve(GOOD + bytes(1_000_000), expected=GOOD, announce=False)
    assert "has more bytes, but must have" in refused(tmp_path, archive)


@pytest.mark.parametrize("body", [b"<html>hello</html>", GOOD[:2_000]], ids=["html", "cut"])
def test_not_a_tar(serve: Serve, tmp_path: Path, body: bytes) -> None:
    archive = serve(body)
    assert f"{archive.url} cannot be extracted" in refused(tmp_path, archive)


@pytest.mark.parametrize(
    "second",
    [
        file_entry("small/two.txt", b""),
        file_entry("small/two.bin", FILES["two.bin"] + b"x"),
        file_entry("two.bin", FILES["two.bin"]),
        file_entry("small/../small/two.bin", FILES["two.bin"]),
        link_entry("small/two.bin", "/etc/passwd", tarfile.SYMTYPE),
        link_entry("small/two.bin", "small/one.bin", tarfile.LNKTYPE),
        link_entry("small/two.bin", "", tarfile.DIRTYPE),
    ],
    ids=["other name", "other size", "outside", "by a detour", "symlink", "hardlink", "folder"],
)
def test_a_member_is_missing(
    serve: Serve, tmp_path: Path, second: tuple[tarfile.TarInfo, bytes]
) -> None:
    archive = serve(tar_gz(ONE, second))
    assert refused(tmp_path, archive) == (
        f"{archive.url} must hold a file small/two.bin of 2,560 bytes, but does not"
    )


def test_evil_members_are_passed_over(serve: Serve, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    evil = (
        file_entry("../escaped", b"x"),
        file_entry("small/../../escaped", b"x"),
        file_entry(str(tmp_path / "escaped"), b"x"),
        link_entry("small", str(tmp_path), tarfile.SYMTYPE),
        link_entry("small/one.bin", str(tmp_path / "escaped"), tarfile.SYMTYPE),
        link_entry("small/fifo", "", tarfile.FIFOTYPE),
    )
    archive = serve(tar_gz(*evil, ONE, TWO, file_entry("small/one.bin", b"2" * 700_000)))
    folder = fetch_archive(inner, archive)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == FILES
    assert list(tmp_path.iterdir()) == [inner]
    assert list(inner.iterdir()) == [folder]


def test_nobody_listens(serve: Serve, tmp_path: Path) -> None:
    archive = replace(serve(GOOD), url="http://127.0.0.1:9/small.tar.gz")
    message = refused(tmp_path, archive)
    assert message.startswith(f"{archive.url} cannot be downloaded: ")
    assert "refused" in message


def test_not_found(serve: Serve, tmp_path: Path) -> None:
    archive = serve(GOOD)
    archive = replace(archive, url=archive.url.replace("small", "gone"))
    assert refused(tmp_path, archive) == f"{archive.url} answers 404 Not Found"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, BrokenPipeError])
def test_an_interruption_leaves_nothing(
    serve: Serve, tmp_path: Path, interruption: type[BaseException]
) -> None:
    def interrupt(done: int, total: int) -> None:
        assert list(tmp_path.rglob("archive"))  # there is something to clean up
        raise interruption

    with pytest.raises(interruption) as caught:
        fetch_archive(tmp_path / "new" / "data", serve(GOOD), interrupt)
    assert type(caught.value) is interruption  # and not taken for a failure of ours
    assert list(tmp_path.iterdir()) == []


def test_a_data_dir_that_cannot_be_written(serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    archive = serve(GOOD)
    for data_dir in (file, file / "data"):
        with pytest.raises(DataError, match=rf"^{data_dir} cannot be written: "):
            fetch_archive(data_dir, archive)
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_in_the_folders_place(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "small").write_text("mine")
    assert f"{tmp_path / 'small'} cannot be made" in refused(tmp_path, serve(GOOD))
    assert (tmp_path / "small").read_text() == "mine"


def test_another_process_may_be_first(serve: Serve, tmp_path: Path) -> None:
    theirs = tmp_path / "small" / "one.bin"

    def be_first(done: int, total: int) -> None:
        theirs.parent.mkdir(exist_ok=True)
        theirs.write_text("theirs")

    assert fetch_archive(tmp_path, serve(GOOD), be_first) == theirs.parent
    assert theirs.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [theirs.parent]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/x", "small.tar.gz"])
def test_only_the_web(tmp_path: Path, url: str) -> None:
    with pytest.raises(ArgumentError, match=r"^archive\.url is .* an http or https address$"):
        fetch_archive(tmp_path, replace(CIFAR10_BINARY, url=url))
