"""SVG read back: it parses, has each frame's shapes at their places, and says what it shows."""

import re
import time
from xml.etree import ElementTree

import pytest

from convpool.pictures.cutting import part
from convpool.pictures.drawing import Drawing, Role, Text
from convpool.pictures.renderers.elements import number
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.svg import svg
from convpool.pictures.themes import THEMES
from tests.pictures.renderers.picture import COUNT, flat

NAMESPACE = "{http://www.w3.org/2000/svg}"
EXTRAS = {"h", "c", "a"}  # hatching, casing, arrow heads: parts of a shape


def parsed(drawing: Drawing, look: Look | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(svg(drawing, look or Look()))


def of_frame(root: ElementTree.Element, frame: int) -> list[ElementTree.Element]:
    """The paths and texts that are there in a frame, from back to front."""
    found = []
    for child in root:
        if child.tag == f"{NAMESPACE}g":
            first = int(re.fullmatch(r"--from:(\d+)", child.get("style", ""))[1])  # type: ignore[index]
            (length,) = (int(name[1:]) for name in classes(child) if re.fullmatch(r"k\d+", name))
            found += list(child) if first <= frame < first + length else []
        elif child.tag in {f"{NAMESPACE}path", f"{NAMESPACE}text"}:
            found.append(child)
    return found


def classes(element: ElementTree.Element) -> list[str]:
    return element.get("class", "").split()


@pytest.mark.parametrize("frame", range(COUNT))
def test_each_frame_has_its_shapes_in_order(frame: int) -> None:
    drawing = flat()
    elements = [e for e in of_frame(parsed(drawing), frame) if not EXTRAS & set(classes(e))]
    shapes = list(drawing.frame(frame))
    assert len(elements) == len(shapes)
    for element, shape in zip(elements, shapes, strict=True):
        assert classes(element)[0] == shape.role.value
        if isinstance(shape, Text):
            assert element.text == shape.text
            assert element.get("x") == number(shape.place[0])
        else:
            x, y = shape.points[0]
            assert element.get("d", "").startswith(f"M{number(x)} {number(y)}")


def test_what_is_always_there_is_written_once() -> None:
    text = svg(flat(), Look()).decode()
    assert text.count("Conv2d(1, 1, 3") == 1
    assert len(text) < 25_000


def test_a_still_has_no_animation_and_no_group() -> None:
    text = svg(part(flat(), range(4, 5)), Look()).decode()
    assert "animation" not in text
    assert "<g" not in text


def test_it_is_said_in_words_what_it_shows() -> None:
    root = parsed(flat())
    assert root.findtext(f"{NAMESPACE}title") == "a window of 3×3 & its sums"
    assert root.findtext(f"{NAMESPACE}desc") == "\n".join(flat().captions)
    assert root.get("role") == "img"


def test_there_is_no_script_and_nothing_from_elsewhere() -> None:
    text = svg(flat(), Look()).decode().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "<script" not in text
    assert "http" not in text
    assert "url(" not in text


def test_scale_changes_the_size_and_not_the_coordinates() -> None:
    once, twice = parsed(flat()), parsed(flat(), Look(scale=2.0))
    assert (once.get("width"), twice.get("width")) == ("424", "848")
    assert once.get("viewBox") == twice.get("viewBox") == "-.5 -.5 424 368"


def test_markup_in_letters_stays_letters() -> None:
    text = Text((8, 8), "a < b & c", 8, Role.PLAIN, range(1))
    root = parsed(Drawing(16, 16, (text,), ("</desc>",), "<title>", 8))
    assert [element.text for element in of_frame(root, 0)] == ["a < b & c"]
    assert root.findtext(f"{NAMESPACE}desc") == "</desc>"


def test_shapes_outside_the_film_are_left_out() -> None:
    shapes = (
        Text((8, 8), "never", 8, Role.PLAIN, range(0)),
        Text((8, 8), "too late", 8, Role.PLAIN, range(5, 9)),
        Text((8, 8), "always", 8, Role.PLAIN, range(99)),
    )
    root = parsed(Drawing(16, 16, shapes, ("one", "two"), "film", 8))
    assert [element.text for element in of_frame(root, 1)] == ["always"]


def test_each_theme_has_its_own_colours() -> None:
    light, dark = (svg(flat(), Look(theme)).decode() for theme in THEMES.values())
    assert re.sub(r"<style>.*</style>", "", light) != re.sub(r"<style>.*</style>", "", dark)
    assert 'fill="#fff"' in light or 'fill="#ffffff"' in light
    assert 'fill="#11151c"' in dark


def test_it_takes_a_few_milliseconds() -> None:
    drawing = flat()
    svg(drawing, Look())
    best = min(timed(lambda: svg(drawing, Look())) for _ in range(5))
    assert best < 0.1  # some 2 ms on an idle machine


def timed(call: object) -> float:
    start = time.process_time()  # not the clock: other tests run beside this one
    assert callable(call)
    call()
    return time.process_time() - start
