"""Files are whole, of the format that their name says, and leave others alone."""

from pathlib import Path

import pytest

from convpool.errors import ArgumentError, DataError
from convpool.pictures.cutting import part
from convpool.pictures.renderers import RENDERERS, save
from tests.pictures.renderers.picture import flat

STARTS = {
    ".svg": b"<svg xmlns",
    ".gif": b"GIF89a",
    ".png": b"\x89PNG",
    ".apng": b"\x89PNG",
    ".webp": b"RIFF",
    ".mp4": b"\x00\x00\x00",
    ".html": b"<!doctype html>",
}


@pytest.mark.parametrize("extension", RENDERERS)
def test_the_extension_says_the_format(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"film{extension.upper()}"
    save(part(flat(), range(2)), path)
    assert path.read_bytes().startswith(STARTS[extension])
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["film.bmp", "film", "film.", ".gif"])
def test_an_unknown_extension_is_one_error_that_lists_the_known(tmp_path: Path, name: str) -> None:
    known = r"\.svg, \.gif, \.png, \.apng, \.webp, \.mp4, \.html"
    with pytest.raises(ArgumentError, match=f"the extension of path is .* one of {known}$"):
        save(flat(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        save(flat(), tmp_path / "nowhere" / "film.svg")


def test_an_existing_file_outlives_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "film.gif"
    save(flat(), path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="No space left"):
        save(part(flat(), range(1)), path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["film.gif"]
