"""How the values of a layer are written in its repr."""

from convpool.spec.arguments import Pair, Sides


def compact(value: Pair) -> int | Pair:
    """Return one number for a pair of equal ones, as the pooling layers print them.

    Example:
        >>> compact((3, 3)), compact((3, 2))
        (3, (3, 2))
    """
    return value[0] if value[0] == value[1] else value


def padding_form(padding: Sides | str, *, pairs: bool) -> str | int | Pair | Sides:
    """Return a padding as PyTorch has it where it can: a word, a pair (or number), else four sides.

    Example:
        >>> padding_form(((1, 1), (1, 1)), pairs=True), padding_form(((0, 1), (0, 1)), pairs=True)
        ((1, 1), ((0, 1), (0, 1)))
    """
    if isinstance(padding, str):
        return padding
    (top, bottom), (left, right) = padding
    if (top, left) != (bottom, right):
        return padding
    return (top, left) if pairs else compact((top, left))
