from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.pictures import ColourScale, Column, contact_sheet

UNIT = ColourScale(0, 1)


def column(samples: int = 2, channels: int = 1, side: int = 8, heading: str = "input") -> Column:
    maps = np.random.default_rng(0).random((samples, channels, side, side))
    return Column(heading, f"{channels} × {side} × {side}", maps, UNIT)


def array_of(image: Image.Image) -> npt.NDArray[Any]:
    return np.asarray(image).astype(int)


def contains(page: npt.NDArray[Any], patch: npt.NDArray[Any]) -> bool:
    windows = np.lib.stride_tricks.sliding_window_view(page[..., 0], patch.shape[:2])
    corners = np.argwhere(windows[..., 0, 0] == patch[0, 0, 0])
    height, width = patch.shape[:2]
    return any((page[y : y + height, x : x + width] == patch).all() for y, x in corners)


def test_every_shown_sample_stands_on_the_page_in_whole_pixels() -> None:
    colour, grey = column(channels=3), column(channels=1)
    page = array_of(contact_sheet([colour, grey], title="t", cell=40))
    for sample in range(2):
        in_colour = np.moveaxis(UNIT.to_bytes(colour.maps[sample]), 0, 2)
        in_grey = np.repeat(UNIT.to_bytes(grey.maps[sample, 0])[..., np.newaxis], 3, axis=2)
        for cell in (in_colour, in_grey):
            assert contains(page, cell.repeat(5, 0).repeat(5, 1))


def test_rows_bound_how_many_samples_are_shown() -> None:
    heights = [
        contact_sheet([column(samples=9)], title="t", rows=rows, cell=32).height
        for rows in (1, 2, 9, 20)
    ]
    assert heights[1] - heights[0] == 32 + 22
    assert heights[2] == heights[3] == heights[0] + 8 * (32 + 22)


@pytest.mark.parametrize("channels", [1, 2, 3, 8, 64, 512])
@pytest.mark.parametrize("side", [1, 11, 64, 500])
def test_any_layer_has_a_page_of_bounded_size(channels: int, side: int) -> None:
    page = contact_sheet([column(1, channels, side)], title="t", cell=100)
    assert page.mode == "RGB"
    assert page.height <= 150 + 250


def test_what_cells_leave_out_is_said_in_the_header() -> None:
    def height(channels: int) -> int:
        return contact_sheet([column(1, channels, 90)], title="t", cell=140).height

    assert height(5) - height(4) == 16  # both show two rows of two maps, one says so


def test_a_cell_grows_by_half_where_that_shows_more_maps() -> None:
    one, four = (contact_sheet([column(1, n, 90)], title="t", cell=140).height for n in (1, 4))
    assert four - one == 90 + 2


def test_text_of_any_kind_and_length_has_its_place() -> None:
    heading = "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), dilation=(2, 2))" * 3
    page = contact_sheet(
        [column(heading=heading), column(heading="")],
        title="A title → in signs × that the font lacks: 猫 ü \n" * 5,
        footer="word " * 400,
        names=["a/very/long/name/without/any/space/in/it.png", "\t"],
    )
    frame = array_of(page)
    frame[36:-36, 36:-36] = 250
    assert frame.min() > 240  # nothing runs into the margins


def test_the_same_input_gives_the_same_page() -> None:
    pages = [array_of(contact_sheet([column()], title="t", footer="f")) for _ in range(2)]
    assert (pages[0] == pages[1]).all()


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ([], {}, "columns is [], but must be at least one column"),
        (
            [column(2), column(3)],
            {},
            "columns is 'of [2, 3] samples', but must be of one number of samples",
        ),
        ([column(2)], {"names": ["a"]}, "names is ['a'], but must be 2, one for each sample"),
        ([column(2)], {"rows": 0}, "rows is 0, but must be a whole number of at least 1"),
        ([column(2)], {"cell": 0}, "cell is 0, but must be a whole number of at least 1"),
    ],
)
def test_what_makes_no_sheet_is_refused(
    columns: list[Column], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ArgumentError) as caught:
        contact_sheet(columns, title="t", **options)
    assert str(caught.value) == message


def test_a_column_checks_its_maps() -> None:
    with pytest.raises(ArgumentError, match="the shape of maps"):
        Column("input", "", np.zeros((0, 3, 4, 4)), UNIT)
    with pytest.raises(ArgumentTypeError, match="maps"):
        Column("input", "", None, UNIT)  # type: ignore[arg-type]
