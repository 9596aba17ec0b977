import time
from collections.abc import Callable
from math import isnan

import pytest

from convpool.bench import race as race_module
from convpool.bench.measure import errors_among, measure_among
from convpool.bench.race import QUICK, Pace, race
from tests.benchmarks.contestants import Fake, case_named

POOL = case_named("tutorial,5x5 pool3")


def _off(output: object) -> object:
    assert isinstance(output, tuple)
    return tuple(array + 1 for array in output)


def test_a_wrong_result_has_no_time() -> None:
    line = measure_among([Fake("torch"), Fake("functions", _off)], POOL, "nchw", 1, QUICK)
    assert line.wrong == ["functions"]
    assert line.errors["torch"] == 0
    assert line.seconds == {}
    assert isnan(line.limit)


def test_times_ratio_and_part_of_the_limit() -> None:
    among = [Fake("torch", seconds=0.004), Fake("functions", seconds=0.002)]
    line = measure_among(among, POOL, "nchw", 1, QUICK)
    assert line.wrong == []
    assert set(line.seconds) == {"torch", "functions"}
    assert line.seconds["torch"] >= 0.004
    assert line.seconds["functions"] >= 0.002
    ratio = line.seconds["torch"] / line.seconds["functions"]
    assert line.ratio("torch", "functions") == pytest.approx(ratio)
    assert line.ratio("torch", "bound") is None
    assert line.rate("torch") == pytest.approx(POOL.work / line.seconds["torch"])
    assert line.fraction("torch") == pytest.approx(line.rate("torch") / line.limit)


def test_the_fastest_block_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race_module, "rest", lambda: None)
    waits = iter([0.1, 0.1, 0.1, 0.1, 0.1, 0.002, 0.1])  # one warm call, three, then a round
    pace = Pace(rounds=1, blocks=2, seconds=1e-9)
    best = race([{"a": lambda: time.sleep(next(waits))}], pace)["a"]
    assert 0.002 <= best < 0.1


def test_errors_alone() -> None:
    line = errors_among([Fake("torch"), Fake("functions")], POOL, "nchw", 1, 2)
    assert line.errors == {"torch": 0, "functions": 0}
    assert line.seconds == {}


def test_the_worst_draw_counts() -> None:
    calls = iter(range(3))

    def off_in_the_second(output: object) -> object:
        return _off(output) if next(calls) == 1 else output

    line = errors_among([Fake("functions", off_in_the_second)], POOL, "nchw", 1, 3)
    assert line.errors["functions"] > 0


def test_contestants_take_turns_and_libraries_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    monkeypatch.setattr(race_module, "rest", lambda: events.append("rest"))

    def call(name: str) -> Callable[[], None]:
        return lambda: events.append(name)

    pace = Pace(rounds=3, blocks=1, seconds=1e-9)
    race([{"a": call("a")}, {"b": call("b"), "c": call("c")}], pace)
    turns = [event for number, event in enumerate(events) if event != events[number - 1]]
    assert turns == ["rest", "a", "rest", "b", "c"] * (1 + pace.rounds)
