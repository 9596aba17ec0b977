from pathlib import Path

import pytest

from convpool.errors import ArgumentError, DataError
from convpool.files import check_writable, write_whole


def test_a_new_content_replaces_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "numbers.bin"
    path.write_bytes(b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Path.write_bytes

    def run_out_of_space(path: Path, content: bytes) -> int:
        written(path, content[:2])
        raise OSError(28, "No space left on device")

    path = tmp_path / "sheet.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(Path, "write_bytes", run_out_of_space)
    with pytest.raises(DataError, match=r"cannot write .*sheet\.png: No space left"):
        write_whole(path, b"new content")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "missing" / "sheet.png", tmp_path / "file" / "sheet.png"):
        with pytest.raises(DataError, match=str(path)):
            write_whole(path, b"")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(DataError, match=r"folder\.png: Is a directory"):
        write_whole(tmp_path / "folder.png", b"")
    with pytest.raises(ArgumentError, match="path is '', but must be the path of a file"):
        write_whole("", b"")


def test_a_path_is_tried_before_the_work(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(b"old")
    check_writable(path)
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])
    with pytest.raises(DataError, match=r"cannot write .*missing.*: No such file or directory"):
        check_writable(tmp_path / "missing" / "run.json")
    with pytest.raises(DataError, match="it is a folder"):
        check_writable(tmp_path)
    with pytest.raises(ArgumentError, match=r"--json is .\.., but must be the path of a file"):
        check_writable(".", "--json")
