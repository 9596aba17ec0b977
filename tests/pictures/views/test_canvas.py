from convpool.pictures.drawing import Line, Polygon, Role, Shape, Text
from convpool.pictures.views.canvas import Canvas, Depth

SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def box(shown: range, role: Role = Role.WINDOW) -> Polygon:
    return Polygon(SQUARE, role, shown)


def drawn(*shapes: Shape) -> list[range]:
    canvas = Canvas()
    for shape in shapes:
        canvas.add(Depth.LIT, shape)
    return [shape.shown for shape in canvas.shapes]


def test_frames_that_follow_on_each_other_make_one_shape() -> None:
    assert drawn(box(range(1)), box(range(1, 2)), box(range(2, 4))) == [range(4)]


def test_a_gap_begins_a_new_shape() -> None:
    assert drawn(box(range(1)), box(range(2, 3)), box(range(3, 4))) == [range(1), range(2, 4)]


def test_what_is_there_already_is_not_drawn_again() -> None:
    assert drawn(box(range(9)), box(range(3, 4))) == [range(9)]


def test_shapes_that_differ_in_anything_stay_apart() -> None:
    once, then = range(1), range(1, 2)
    pairs: list[tuple[Shape, Shape]] = [
        (box(once), box(then, Role.TARGET)),
        (box(once), Polygon(SQUARE, Role.WINDOW, then, 0.5)),
        (box(once), Polygon(SQUARE, Role.WINDOW, then, None, filled=False)),
        (box(once), Polygon(SQUARE[:3], Role.WINDOW, then)),
        (Line(SQUARE, Role.LINK, once), Line(SQUARE, Role.LINK, then, arrow=True)),
        (Text((0, 0), "1", 9, Role.PLAIN, once), Text((0, 0), "2", 9, Role.PLAIN, then)),
        (Text((0, 0), "1", 9, Role.PLAIN, once), Text((0, 0), "1", 8, Role.PLAIN, then)),
        (
            Text((0, 0), "1", 9, Role.PLAIN, once),
            Text((0, 0), "1", 9, Role.PLAIN, then, on_shade=0.5),
        ),
        (
            Text((0, 0), "1", 9, Role.PLAIN, once),
            Text((0, 0), "1", 9, Role.PLAIN, then, anchor="start"),
        ),
    ]
    for pair in pairs:
        assert drawn(*pair) == [once, then]


def test_depth_comes_before_the_order_of_drawing() -> None:
    canvas = Canvas()
    canvas.add(Depth.LETTERS, box(range(1), Role.PLAIN))
    canvas.add(Depth.CELLS, box(range(1), Role.INPUT))
    assert [shape.role for shape in canvas.shapes] == [Role.INPUT, Role.PLAIN]
