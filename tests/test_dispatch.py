"""Plan, then run: which engine is chosen, what falls through and what doesn't."""

from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import pytest

from convpool import dispatch, reference
from convpool import functional as F  # noqa: N812
from convpool.dispatch import ENGINES, Engine, Plan, plan
from convpool.functional.calls import forget
from convpool.precisions import precision
from convpool.request import Request
from convpool.spec import AvgPool2dSpec, Conv2dSpec, LayerSpec, MaxPool2dSpec
from tests.functional.calls import BASE, ours
from tests.functional.test_arrays import LAYOUTS
from tests.operators.settings import Array

POOL = MaxPool2dSpec(2)
CALL: tuple[str, LayerSpec, tuple[int, ...], str] = ("max_pool2d", POOL, (3, 8, 8), "float32")
IMAGE = np.zeros((3, 8, 8), "float32")


@pytest.fixture(autouse=True)
def fresh_plans() -> Iterator[None]:
    """Plans are kept: none made with a test's engines may outlive it."""
    forget()
    yield
    forget()


def put_before_the_others(monkeypatch: pytest.MonkeyPatch, *engines: Engine) -> None:
    monkeypatch.setattr(dispatch, "ENGINES", (*engines, *ENGINES))


def engine(name: str, run: Any, reason: str | None) -> Engine:
    return Engine(name, lambda _: reason, lambda _: run)


def test_a_plan_is_made_once() -> None:
    first = plan(*CALL)
    assert plan("max_pool2d", MaxPool2dSpec((2, 2), stride=2), (3, 8, 8), "float32") is first
    for other in (
        ("avg_pool2d", AvgPool2dSpec(2), (3, 8, 8), "float32"),
        ("max_pool2d", MaxPool2dSpec(3), (3, 8, 8), "float32"),
        ("max_pool2d", POOL, (3, 8, 9), "float32"),
        ("max_pool2d", POOL, (3, 8, 8), "float64"),
    ):
        assert plan(*other) is not first


def test_the_reference_takes_every_operation_of_its_own() -> None:
    assert ENGINES[-1].name == "reference"
    for name in set(reference.__all__) - {"prepare", "Definition", "ConvolutionDefinition"}:
        request = Request(name, *CALL[1:])
        run = reference.prepare(request)
        assert (run.function, run.request) == (getattr(reference, name), request)


def test_the_explanation() -> None:
    text = plan("conv2d", Conv2dSpec(3, 8, 3, padding=1), (3, 8, 8), "int64").explain()
    assert text == (
        "conv2d of Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))\n"
        "on (3, 8, 8) int64\n"
        "refused: kernels (no kernel for int64)\n"
        "chosen: reference"
    )


def test_a_request_knows_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images, one or many, in a batch or not, are asked for alike and planned once."""
    asked: list[Request] = []

    def watch(request: Request) -> str:
        asked.append(request)
        return "only watches"

    put_before_the_others(monkeypatch, Engine("watcher", watch, never))
    for batch in ((), (1,), (7,), (0,)):
        F.max_pool2d(np.zeros((*batch, 3, 8, 8), "float32"), 2)
    assert asked == [Request(*CALL)]
    gradient, indices = np.zeros((7, 3, 4, 4)), np.zeros((7, 3, 4, 4), np.int64)
    for images in (1, 7):
        F.max_pool2d_backward(gradient[:images], indices[:images], (images, 3, 8, 8), 2)
    assert asked[1:] == [Request("max_pool2d_backward", POOL, (3, 8, 8), "float64")]


def test_the_first_engine_that_does_not_refuse_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[Any, ...]] = []

    def run(*arguments: Any, out: Any = None) -> str:
        calls.append(arguments)
        return "result"

    engines = (
        engine("wide", never, "needs 16 channels, not 3"),
        engine("odd", never, "needs a kernel of 3"),
        engine("fast", run, None),
        engine("slow", never, None),
    )
    put_before_the_others(monkeypatch, *engines)
    chosen = plan(*CALL)
    assert chosen == Plan(
        Request(*CALL),
        "fast",
        (("wide", "needs 16 channels, not 3"), ("odd", "needs a kernel of 3")),
        run,
    )
    assert chosen.explain().splitlines()[2:] == [
        "refused: wide (needs 16 channels, not 3)",
        "refused: odd (needs a kernel of 3)",
        "chosen: fast",
    ]
    assert F.max_pool2d(IMAGE, 2) == "r"  # the one image of the "batch" that the engine returned
    ((images,),) = calls
    assert images.shape == (1, 3, 8, 8)


def test_where_all_others_refuse_the_reference_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "ENGINES", (engine("fast", never, "not today"), ENGINES[-1]))
    assert plan(*CALL).engine == "reference"
    assert F.max_pool2d(IMAGE, 2).shape == (3, 4, 4)


class BrokenKernelError(Exception):
    """What no caller may swallow."""


def never(*_: Any) -> NoReturn:
    raise BrokenKernelError


def test_an_error_inside_an_engine_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """It doesn't turn into a slow path, at the first call or a later one."""
    put_before_the_others(monkeypatch, engine("broken", never, None))
    for _ in range(2):
        with pytest.raises(BrokenKernelError):
            F.max_pool2d(IMAGE, 2)


def test_so_is_one_in_its_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    put_before_the_others(monkeypatch, Engine("broken", never, never))
    with pytest.raises(BrokenKernelError):
        F.max_pool2d(IMAGE, 2)


def test_the_last_engine_must_not_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "ENGINES", (engine("picky", never, "never does"),))
    with pytest.raises(AssertionError, match="never does"):
        plan(*CALL)


def test_an_operator_that_cannot_fill_an_array_is_helped(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(images: Array) -> Array:
        return images[..., ::2, ::2] + 1

    put_before_the_others(monkeypatch, engine("plain", plain, None))
    out = np.empty((3, 4, 4), "float32")
    assert F.max_pool2d(IMAGE, 2, out=out) is out
    assert (out == 1).all()
    assert (F.max_pool2d(IMAGE, 2) == 1).all()


@pytest.mark.parametrize("layout", ["swapped", "unaligned", "subclass"])
@pytest.mark.parametrize("name", BASE)
def test_operators_get_plain_arrays(
    name: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Aligned and in this machine's byte order, whatever the caller has."""
    seen: list[Array] = []

    def watch(*arrays: Any, out: Array | None = None) -> Array:
        seen.extend(array for array in arrays if isinstance(array, np.ndarray))
        return np.zeros((1, 1, 1, 1))

    put_before_the_others(monkeypatch, engine("watcher", watch, None))
    given = {
        key: LAYOUTS[layout](value)
        for key, value in BASE[name].items()
        if isinstance(value, np.ndarray)
    }
    ours(name, **given)
    assert len(seen) == len(given)
    for array in seen:
        assert type(array) is np.ndarray
        assert array.dtype.isnative
        assert array.flags.aligned


def test_the_way_is_told() -> None:
    """In the precision of the running context."""
    wide = plan("conv2d", Conv2dSpec(64, 64, 3, padding=1), (64, 56, 56), "float32")
    last = wide.explain().splitlines()[-1]
    assert last.startswith("chosen: kernels (short convolutions, 4x4 outputs of 3x3 taps")
    with precision("strict"):
        assert wide.way.startswith(("products of matrices on AMX", "vectors across "))
    double = plan("conv2d", Conv2dSpec(64, 64, 3), (64, 56, 56), "float64")
    assert double.way.startswith("vectors across ")
    assert plan("conv2d", Conv2dSpec(1, 1, 3), (1, 5, 5), "float32").way == "plain loops"
    assert plan(*CALL).way == ""
