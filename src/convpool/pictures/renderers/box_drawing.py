"""Which sign draws the lines that meet in one character of a text."""

from collections.abc import Iterator
from itertools import product

LIGHT, HEAVY = 1, 2

_SIGNS = (  # by the weights (none, light, heavy) up, right, down, left: the last varies fastest
    " ╴╸╷┐┑╻┒┓╶─╾┌┬┭┎┰┱╺╼━┍┮┯┏┲┳╵┘┙│┤┥╽┧┪└┴┵├┼┽┟╁╅┕┶┷┝┾┿┢╆╈╹┚┛╿┦┩┃┨┫┖┸┹┞╀╃┠╂╉┗┺┻┡╄╇┣╊╋"
)
_DASHED = {"─": "╌", "│": "╎"}

Weights = tuple[int, int, int, int]  # up, right, down, left
_ALL_WEIGHTS = product(range(3), range(3), range(3), range(3))
BOX_SIGNS: dict[Weights, str] = dict(zip(_ALL_WEIGHTS, _SIGNS, strict=True))


def sign(weights: Weights, *, dashed: bool) -> str:
    """Return the sign for lines of some weights from the middle of a character.

    Example:
        >>> sign((0, 1, 1, 0), dashed=False), sign((2, 0, 2, 0), dashed=False)
        ('┌', '┃')
        >>> sign((0, 1, 0, 1), dashed=True)
        '╌'
    """
    found = BOX_SIGNS[weights]
    return _DASHED.get(found, found) if dashed else found


def outline(left: int, top: int, right: int, bottom: int) -> Iterator[tuple[int, int, Weights]]:
    """Yield column, row and the weights (0 or 1) of each character on the outline of a box.

    A box without height is a level line, one without width an upright one.

    Example:
        >>> "".join(sign(weights, dashed=False) for *_, weights in outline(0, 0, 2, 1))
        '┌─┐└─┘'
    """
    for row in sorted({*range(top, bottom + 1)}):
        for column in range(left, right + 1):
            level = row in {top, bottom}
            upright = column in {left, right}
            if level or upright:
                yield (
                    column,
                    row,
                    (
                        int(upright and row > top),
                        int(level and column < right),
                        int(upright and row < bottom),
                        int(level and column > left),
                    ),
                )
