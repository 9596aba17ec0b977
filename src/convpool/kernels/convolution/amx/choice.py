"""Which layers are computed on AMX, and in which blocks."""

from operator import attrgetter

from convpool.kernels.amx import available
from convpool.kernels.convolution.amx.cuts import AmxCuts
from convpool.kernels.convolution.amx.phased import MOST_STEP, PhasedCuts
from convpool.kernels.convolution.blocking import Problem
from convpool.kernels.convolution.cuts import Cuts

_PIECES = 768 << 10, 3 << 20  # bytes of a block's pixels: in the second cache, or few blocks


def best(cuts: Cuts) -> AmxCuts:
    """Return the faster of the cuts with few pixels in a block, and with many, for a layer's."""
    common = cuts.spec, cuts.problem, cuts.machine, cuts.number, cuts.planar
    kind = AmxCuts if cuts.problem.phases == 1 else PhasedCuts
    return min((kind(*common, most) for most in _PIECES), key=attrgetter("cycles"))


def fits(problem: Problem) -> bool:
    """Tell whether a layer can be computed so: float32, on a CPU that has AMX.

    Phases take turns along a row, all that the step has room for.
    """
    step, phases = problem.horizontal.step, len(problem.horizontal.phases)
    has_turns = step == phases and step <= MOST_STEP
    return problem.itemsize == 4 and has_turns and problem.taps > 0 and available()
