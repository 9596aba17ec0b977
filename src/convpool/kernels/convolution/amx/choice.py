"""Which layers are computed on AMX, and in which blocks."""

from itertools import product

from convpool.kernels.amx import available
from convpool.kernels.convolution.amx.cuts import AmxCuts
from convpool.kernels.convolution.amx.phased import MOST_STEP, PhasedCuts
from convpool.kernels.convolution.blocking import Problem
from convpool.kernels.convolution.cuts import Cuts

_PIECES = 768 << 10, 3 << 20  # bytes of a block's pixels: in the second cache, or few blocks
_MULTIPLES = 1, 2  # of which the number of blocks is one


def best(cuts: Cuts) -> AmxCuts:
    """Return the fastest of the cuts with few pixels in a block or many, for a layer's.

    One thread and two count alike: where the number of blocks is even, two threads have equal work,
    and neither splits pixels for itself that the other one splits as well. The cuts are those of
    any number of threads, since which images aren't trusted depends on the blocks.
    """
    common = cuts.spec, cuts.problem, cuts.machine, cuts.number, cuts.planar
    kind = AmxCuts if cuts.problem.phases == 1 else PhasedCuts
    kinds = (kind(*common, *how) for how in product(_PIECES, _MULTIPLES))
    return min(kinds, key=lambda cuts: cuts.cycles_on(1) + 2 * cuts.cycles_on(2))


def fits(problem: Problem) -> bool:
    """Tell whether a layer can be computed so: float32, on a CPU that has AMX.

    Phases take turns along a row, all that the step has room for.
    """
    step, phases = problem.horizontal.step, len(problem.horizontal.phases)
    has_turns = step == phases and step <= MOST_STEP
    return problem.itemsize == 4 and has_turns and problem.taps > 0 and available()
