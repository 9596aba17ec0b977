"""What a survey says, in a sentence."""

from collections.abc import Sequence
from statistics import geometric_mean

from convpool.bench.cases import Case
from convpool.bench.machine import counted
from convpool.bench.measure import Line
from convpool.bench.survey import Survey, mean_speedup
from convpool.precisions import STRICT, get_precision


def words(survey: Survey) -> str:
    """Return in a sentence how fast convpool is beside torch, or how near to the limits.

    Empty if nothing was timed.
    """
    order, mean = survey.order, survey.mean
    threads = counted(order.threads) + (", strict" if get_precision() == STRICT else "")
    fractions = [
        line.fraction(best) for line in survey.lines if (best := line.best_of_ours) is not None
    ]
    if not fractions:
        return ""
    if mean is None:
        return (
            f"convpool reaches {geometric_mean(fractions):.0%} of this machine's limits over "
            f"{_of(survey, len(fractions))} ({threads})"
        )
    version = ".".join(survey.machine.versions.get("torch", "").split(".")[:2])
    torch = f"torch {version}".strip()
    if survey.net is not None and survey.net.ratio is not None:
        fast = _times(survey.net.ratio)
        return f"{order.name}, accelerated, is {fast} with {torch} alone ({threads})"
    apart = _apart(survey.compared)
    subject = _of(survey, len(survey.compared))
    return f"convpool is {_times(mean)} {torch} over {subject} ({threads}{apart})"


def _of(survey: Survey, timed: int) -> str:
    """Say what the layers are, and how many were timed if those aren't all."""
    order = survey.order
    number = len(order.cases)
    name = order.name if order.net is None else f"the {number} layers of {order.name}"
    return name if timed == number else f"{timed} of {name}"


def _apart(lines: Sequence[Line[Case]]) -> str:
    """Say what convolutions and poolings make apart: they differ by more than most layers do."""
    kinds = {
        "convolution": [line for line in lines if line.case.is_convolution],
        "pooling": [line for line in lines if not line.case.is_convolution],
    }
    if len(lines) < 3 or not all(kinds.values()):
        return ""
    parts = [
        f"{len(of_kind)} {kind}{'s' if len(of_kind) > 1 else ''} {mean:.2f}x"
        for kind, of_kind in kinds.items()
        if (mean := mean_speedup(of_kind)) is not None
    ]
    return f"; {', '.join(parts)}"


def _times(ratio: float) -> str:
    """Return a ratio of times in words.

    Example:
        >>> _times(1.62), _times(0.5)
        ('1.62x as fast as', '2.00x as slow as')
    """
    return f"{ratio:.2f}x as fast as" if ratio >= 1 else f"{1 / ratio:.2f}x as slow as"
