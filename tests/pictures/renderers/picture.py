"""A drawing made by hand, as a view would: a window moves over an input and fills an output."""

from convpool.pictures.drawing import Drawing, Line, Polygon, Role, Shape, Text

CELL = 32.0
COUNT = 9
ALWAYS = range(COUNT)
INPUT_AT, OUTPUT_AT = (24.0, 64.0), (304.0, 112.0)


def box(
    left: float, top: float, width: float = CELL, height: float = CELL
) -> tuple[tuple[float, float], ...]:
    right, bottom = left + width, top + height
    return (left, top), (right, top), (right, bottom), (left, bottom)


def value(row: int, column: int) -> int:
    """Of the input: -3..3, in an order without a pattern."""
    return (row * 5 + column * 3) % 7 - 3


def place(row: int, column: int, origin: tuple[float, float]) -> tuple[float, float]:
    return origin[0] + column * CELL, origin[1] + row * CELL


def total(frame: int) -> int:
    """What the window of a frame sums up."""
    top, left = divmod(frame, 3)
    cells = [(top * 2 + r - 1, left * 2 + c - 1) for r in range(3) for c in range(3)]
    return sum(value(r, c) for r, c in cells if 0 <= r < 5 and 0 <= c < 5)


def flat() -> Drawing:
    """5×5 cells with a ring of padding, a 3×3 window of stride 2, and 3×3 sums beside it.

    As in a floor of the size rule, the last row and column are given as unread; a legend and a
    caption stand below.
    """
    shapes: list[Shape] = [
        Text((24, 24), "Conv2d(1, 1, 3, stride=2, padding=1)", 15, Role.PLAIN, ALWAYS, "start"),
        Text((24, 44), "floor((5 + 2×1 − 3) / 2) + 1 = 3", 12, Role.FAINT, ALWAYS, "start"),
        *_grids(),
    ]
    for frame in range(COUNT):
        shapes += _moment(frame)
    shapes += _legend()
    captions = tuple(f"output cell {number + 1} of 9: {total(number)}" for number in range(COUNT))
    return Drawing(424, 368, tuple(shapes), captions, "a window of 3×3 & its sums", CELL)


def _grids() -> list[Shape]:
    shapes: list[Shape] = []
    for row in range(7):
        for column in range(7):
            at = place(row, column, INPUT_AT)
            middle = at[0] + CELL / 2, at[1] + CELL / 2
            if not (1 <= row <= 5 and 1 <= column <= 5):
                role = Role.UNVISITED if row == 6 else Role.PADDING
                shapes.append(Polygon(box(*at), role, ALWAYS))
                shapes.append(Text(middle, "0", 12, role, ALWAYS))
                continue
            number = value(row - 1, column - 1)
            shapes.append(Polygon(box(*at), Role.INPUT, ALWAYS, number / 3))
            shapes.append(Text(middle, str(number), 14, Role.INPUT, ALWAYS, on_shade=number / 3))
    for cell in range(9):
        at = place(*divmod(cell, 3), OUTPUT_AT)
        shapes.append(Polygon(box(*at), Role.OUTPUT, ALWAYS))
    return shapes


def _moment(frame: int) -> list[Shape]:
    row, column = divmod(frame, 3)
    now, later = range(frame, frame + 1), range(frame, COUNT)
    source = place(row * 2, column * 2, INPUT_AT)
    target = place(row, column, OUTPUT_AT)
    return [
        Text(
            (target[0] + CELL / 2, target[1] + CELL / 2),
            str(total(frame)),
            14,
            Role.OUTPUT,
            later,
            bold=True,
        ),
        Line(
            ((source[0] + 3 * CELL, source[1] + 48), (target[0], target[1] + CELL / 2)),
            Role.LINK,
            now,
            arrow=True,
        ),
        Polygon(box(*source, 3 * CELL, 3 * CELL), Role.WINDOW, now, filled=False),
        Polygon(box(*target), Role.TARGET, now, filled=False),
        Text(
            (24, 312), f"the sum of nine products is {total(frame)}", 13, Role.PLAIN, now, "start"
        ),
    ]


def _legend() -> list[Shape]:
    shapes: list[Shape] = []
    left = 24.0
    for role in (Role.INPUT, Role.PADDING, Role.CHOSEN, Role.UNVISITED, Role.REFUSED):
        shapes.append(Polygon(box(left, 336, 14, 14), role, ALWAYS))
        shapes.append(Text((left + 20, 343), role.value, 11, Role.FAINT, ALWAYS, "start"))
        left += 28 + 7 * len(role.value)
    return shapes
