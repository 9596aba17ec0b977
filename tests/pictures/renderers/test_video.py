"""MP4 read back by PyAV: frames, times, size, and what is on them."""

import io
import sys

import av
import numpy as np
import pytest

from convpool.errors import DataError
from convpool.pictures.drawing import Drawing
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.reel import still
from convpool.pictures.renderers.video import mp4
from tests.pictures.renderers.picture import COUNT, flat


def test_each_frame_comes_back_at_its_time() -> None:
    with av.open(io.BytesIO(mp4(flat(), Look(seconds=0.4))), "r") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert (stream.width, stream.height) == (424, 368)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert float(stream.duration * stream.time_base) == pytest.approx(COUNT * 0.4)
        found = list(container.decode(video=0))
    assert [frame.time for frame in found] == pytest.approx([0.4 * n for n in range(COUNT)])
    for number, frame in enumerate(found):
        pixels = np.asarray(frame.to_ndarray(format="rgb24"), np.int16)
        difference = np.abs(pixels - np.asarray(still(flat(), Look(), number), np.int16))
        others = np.abs(pixels - np.asarray(still(flat(), Look(), (number + 1) % COUNT), np.int16))
        assert difference.mean() < 4
        assert difference.mean() < others.mean()


def test_odd_sides_get_one_more_pixel_of_background() -> None:
    content = mp4(Drawing(33, 17, (), ("nothing",), "odd", 8), Look())
    with av.open(io.BytesIO(content), "r") as container:
        (frame,) = container.decode(video=0)
    assert (frame.width, frame.height) == (34, 18)
    assert np.asarray(frame.to_ndarray(format="rgb24")).min() > 250


def test_without_pyav_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"an \.mp4 needs PyAV: pip install 'convpool\[video\]'"):
        mp4(flat(), Look())
