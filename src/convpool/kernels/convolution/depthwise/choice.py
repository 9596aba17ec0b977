"""Which way a depthwise layer is computed: plane by plane, or with channels side by side."""

from dataclasses import replace
from functools import cached_property

from convpool.kernels.convolution.cuts import Cuts
from convpool.kernels.convolution.depthwise.abreast import cuts as abreast
from convpool.kernels.convolution.depthwise.cuts import PlaneCuts, fits
from convpool.precisions import STRICT, get_precision

DepthwiseCuts = PlaneCuts | abreast.AbreastCuts


class Depthwise:
    """The ways of a layer."""

    def __init__(self, cuts: Cuts) -> None:
        common = cuts.spec, cuts.problem, cuts.machine, cuts.number
        self.planes = PlaneCuts(*common, True)
        taken = abreast.takes(cuts.problem, cuts.machine, cuts.spec.groups)
        self.abreast = {
            planar: abreast.AbreastCuts(*common, planar) for planar, is_so in taken.items() if is_so
        }

    @cached_property
    def strict(self) -> PlaneCuts:
        """The way that sums in another order: all images take it, in any layout."""
        return replace(self.planes, problem=replace(self.planes.problem, strict=True))

    @property
    def turns(self) -> bool:
        """Whether only planes can be made."""
        return not self.abreast

    def cuts(self, planar: bool, kept: bool) -> DepthwiseCuts | None:
        """Return the cuts in the running context's precision, for weights for one call or many.

        But in strict precision the bits of a convolution are the same in all of them.
        """
        if get_precision() == STRICT:
            return self.strict
        side_by_side = self.abreast.get(planar)
        if side_by_side and (kept or not planar or side_by_side.packs):
            return side_by_side
        return self.planes if planar else None


def choose(cuts: Cuts) -> Depthwise | None:
    """Return the ways of a layer, or None if it isn't one that can be computed so."""
    return Depthwise(cuts) if fits(cuts.problem) and not cuts.repeats else None
