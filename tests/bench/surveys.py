"""A survey that nobody measured."""

from convpool.bench.cases import Case
from convpool.bench.machine import Machine
from convpool.bench.measure import Line
from convpool.bench.models import NetTimes
from convpool.bench.race import QUICK
from convpool.bench.survey import Order, Survey
from convpool.notation import parse_layer

MACHINE = Machine(
    cpu="A CPU",
    target="sapphirerapids",
    features=["amx-bf16", "amx-tile", "avx2", "avx512f"],
    cpus=4,
    load=0.1,
    system="Linux",
    python="3.11.0",
    versions={"convpool": "1.0", "torch": "2.13.0+cpu"},
)
LIMITS = {"multiply-adds": 2e11, "matrix products": 5e11, "large copy": 2e10}
NET_TIMES = NetTimes({"torch": 1e-7, "accelerated": 1e-7}, {"torch": 3e-3, "accelerated": 2e-3})


def line(
    text: str,
    shape: tuple[int, ...],
    *,
    count: int = 1,
    errors: dict[str, float] | None = None,
    **seconds: float,
) -> Line[Case]:
    """Return a line whose outputs were right, unless other errors are given."""
    case = Case(parse_layer(text), shape, count=count)
    limit = 2e11 if case.is_convolution else 2e10
    return Line(case, "nchw", 1, errors or dict.fromkeys(seconds, 0.0), seconds, limit)


def survey(
    *lines: Line[Case],
    name: str = "",
    net: NetTimes | None = None,
    is_whole: bool = False,
    missing: int = 0,
) -> Survey:
    """Return a survey of these lines, and of some more that weren't measured."""
    cases = [line.case for line in lines] + [lines[0].case] * missing
    name = name or f"these {len(cases)} layers"
    whole = None if net is None else lambda: net
    order = Order(name, cases, "nchw", 1, QUICK, whole, is_whole)
    return Survey(MACHINE, order, LIMITS, list(lines), net, 1.0)


CONVOLUTION = line(
    "Conv2d(64, 64, 3, padding=1)",
    (1, 64, 56, 56),
    count=2,
    functions=2e-3,
    bound=1e-3,
    torch=2e-3,
)
POOLING = line("MaxPool2d(2)", (1, 64, 56, 56), functions=8e-5, torch=6.4e-4)
WRONG = line("Conv2d(3, 8, 3)", (1, 3, 8, 8), errors={"torch": 0.0, "functions": 1.0, "bound": 0.0})
