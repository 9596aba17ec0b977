"""Parts and strips have the same frames as the drawing they come from."""

from dataclasses import replace

import pytest

from convpool.errors import ArgumentError
from convpool.pictures.cutting import part, strip
from convpool.pictures.drawing import Shape, Text
from tests.pictures.renderers.picture import flat


def anywhere(shape: Shape) -> Shape:
    """The shape without its time."""
    return replace(shape, shown=range(0))


@pytest.mark.parametrize("frames", [range(9), range(2, 5), range(8, 9)])
def test_a_part_has_the_frames_of_the_whole(frames: range) -> None:
    whole = flat()
    cut = part(whole, frames)
    assert cut.count == len(frames)
    for number, frame in enumerate(frames):
        assert cut.captions[number] == whole.captions[frame]
        assert list(map(anywhere, cut.frame(number))) == list(map(anywhere, whole.frame(frame)))


@pytest.mark.parametrize(
    "frames", [range(0), range(3, 3), range(8, 10), range(-1, 2), range(0, 4, 2)]
)
def test_frames_that_are_not_there_are_an_error(frames: range) -> None:
    with pytest.raises(ArgumentError, match=r"frames is .* but must be some of 0:9, one at least"):
        part(flat(), frames)


@pytest.mark.parametrize("columns", [None, 1, 4, 9])
def test_a_strip_shows_every_frame_apart(columns: int | None) -> None:
    whole = flat()
    page = strip(whole, columns)
    assert page.count == 1
    assert len(page.shapes) == sum(len(list(whole.frame(frame))) for frame in range(9))
    titles = [s.place for s in page.shapes if isinstance(s, Text) and s.text.startswith("Conv2d")]
    assert len(set(titles)) == 9
    assert all(0 <= x < page.width and 0 <= y < page.height for x, y in titles)
    assert page.captions == ("\n".join(whole.captions),)


def test_a_strip_without_columns_is_an_error() -> None:
    with pytest.raises(ArgumentError, match="columns is 0, but must be at least 1"):
        strip(flat(), 0)
