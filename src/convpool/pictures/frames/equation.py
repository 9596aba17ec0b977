"""What a frame computes, in words and numbers.

Each function takes the terms, the index of the one that is being taken in (None for all of them at
once) and the value of the output cell.
"""

from collections.abc import Sequence

from convpool.pictures.frames.frame import Term
from convpool.pictures.frames.text import factor_text, joined, number_text


def sum_equation(terms: Sequence[Term], step: int | None, result: float, bias: float | None) -> str:
    """Return a sum of products, with the bias at its end.

    Example:
        >>> terms = [_term(2, 1, 2), _term(-1, 3, -1)]
        >>> sum_equation(terms, None, -1, None), sum_equation(terms, 1, 4, 5.0)
        ('2×1 + (-1)×3 = -1', '2 + (-1)×3 + 5 (bias) = 4')
    """
    last = step is None or step == len(terms) - 1
    added = [] if bias is None or not last else [f"{factor_text(bias)} (bias)"]
    if not terms:
        return f"no input cell reaches it: {' '.join(added) or '0'}"
    if step is None:
        return f"{joined([*map(_product, terms), *added], ' + ')} = {number_text(result)}"
    before = [number_text(terms[step - 1].running)] if step else []
    reached = result if last else terms[step].running
    return f"{' + '.join([*before, _product(terms[step]), *added])} = {number_text(reached)}"


def mean_equation(terms: Sequence[Term], step: int | None, result: float, divisor: int) -> str:
    """Return a sum over what divides it; cells that don't count are left out.

    Example:
        >>> terms = [_term(2, 0.5, 1), _term(0, 0, 1), _term(4, 0.5, 3)]
        >>> mean_equation(terms, None, 3, 2), mean_equation(terms, 2, 3, 2)
        ('(2 + 4) / 2 = 3', '(2 + 4) / 2 = 3')
        >>> mean_equation(terms, 1, 3, 2)
        'not counted: still 2 / 2 = 1'
    """
    if step is None:
        values = [number_text(term.value) for term in terms if term.weight]
        return f"({joined(values, ' + ')}) / {divisor} = {number_text(result)}"
    so_far, term = number_text(terms[step].running * divisor), terms[step]
    if not term.weight:
        return f"not counted: still {so_far} / {divisor} = {number_text(term.running)}"
    before = [number_text(terms[step - 1].running * divisor)] if step else []
    total = joined([*before, factor_text(term.value)], " + ")
    return f"({total}) / {divisor} = {number_text(term.running)}"


def maximum_equation(terms: Sequence[Term], step: int | None, result: float, place: str) -> str:
    """Return the largest of some numbers, and in the end where it lies.

    Example:
        >>> terms = [_term(2, None, 2), _term(7, None, 7)]
        >>> maximum_equation(terms, None, 7, "at index 5"), maximum_equation(terms, 0, 7, "")
        ('max(2, 7) = 7 at index 5', 'max(2) = 2')
    """
    if step is None:
        values = joined([number_text(term.value) for term in terms], ", ")
        return f"max({values}) = {number_text(result)} {place}"
    before = [number_text(terms[step - 1].running)] if step else []
    values = ", ".join([*before, number_text(terms[step].value)])
    reached = number_text(terms[step].running)
    return f"max({values}) = {reached}" + (f" {place}" if step == len(terms) - 1 else "")


def place_equation(terms: Sequence[Term], step: int | None, result: float, index: int) -> str:
    """Return what an index puts into a cell.

    Example:
        >>> place_equation([_term(7, None, 7)], None, 7, 5), place_equation([], None, 0, 6)
        ('index 5 takes 7', 'no value has index 6: 0')
    """
    if not terms:
        return f"no value has index {index}: {number_text(result)}"
    values = joined([number_text(term.value) for term in terms], ", then ")
    if step is not None:
        values = number_text(terms[step].value)
    return f"index {index} takes {values}"


def _product(term: Term) -> str:
    weight = 0.0 if term.weight is None else term.weight
    return f"{factor_text(term.value)}×{factor_text(weight)}"


def _term(value: float, weight: float | None, running: float) -> Term:
    """Return a term for the examples."""
    return Term((0, 0, 0), None, (0, 0), value, weight, value * (weight or 1), running)
