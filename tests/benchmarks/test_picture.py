from pathlib import Path

import pytest

from benchmarks.means import Mean, Setting
from convpool.errors import ArgumentError

pytest.importorskip("matplotlib")

from benchmarks.picture import draw

MEANS = [
    Mean(Setting(threads, "table", "nchw"), kind, peer, ours, 3, ratio, ratio, "a layer")
    for threads in (1, 2)
    for kind in ("1x1", "pooling")
    for peer, ours, ratio in (
        ("torch", "functions", 40.0 if kind == "pooling" else 1.5),
        ("onnxruntime", "bound", 0.5 * threads),
    )
]


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml")])
def test_a_picture_is_written_and_is_the_same_again(
    tmp_path: Path, name: str, start: bytes
) -> None:
    draw(MEANS, "a machine", tmp_path / name)
    content = (tmp_path / name).read_bytes()
    assert content.startswith(start)
    draw(MEANS, "a machine", tmp_path / name)
    assert (tmp_path / name).read_bytes() == content
    draw(MEANS[:4], "a machine", tmp_path / name)  # one thread: other ratios
    assert (tmp_path / name).read_bytes() != content


@pytest.mark.parametrize(("name", "means"), [("a.jpeg", MEANS), ("a.png", [])])
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, name: str, means: list[Mean]) -> None:
    with pytest.raises(ArgumentError, match="--picture"):
        draw(means, "a machine", tmp_path / name)
    assert not list(tmp_path.iterdir())
