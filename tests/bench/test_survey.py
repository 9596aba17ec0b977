import json
from dataclasses import replace
from pathlib import Path

import pytest

from convpool.bench import survey as survey_module
from convpool.bench.cases import Case
from convpool.bench.machine import heading, vectors
from convpool.bench.measure import Line
from convpool.bench.race import QUICK
from convpool.bench.survey import Order, carry_out, speedup, way
from convpool.bench.words import words
from convpool.errors import ArgumentError, DataError
from convpool.notation import parse_layer
from tests.bench.surveys import CONVOLUTION, LIMITS, MACHINE, NET_TIMES, POOLING, WRONG, survey


def without_torch(line: Line[Case]) -> Line[Case]:
    seconds = {name: time for name, time in line.seconds.items() if name != "torch"}
    return replace(line, seconds=seconds, errors=dict.fromkeys(seconds, 0.0))


def test_bound_layers_count_where_there_are_any() -> None:
    assert speedup(CONVOLUTION) == pytest.approx(2)
    assert speedup(POOLING) == pytest.approx(8)
    assert speedup(WRONG) is None
    found = survey(CONVOLUTION, POOLING, WRONG)
    assert found.mean == pytest.approx(4)
    assert found.wrong == ["functions in Conv2d(3, 8, 3) on (1, 3, 8, 8)"]


def test_totals_count_a_layer_as_often_as_the_net_has_it() -> None:
    totals = survey(CONVOLUTION, POOLING).totals
    assert totals == {"ours": pytest.approx(2e-3 + 8e-5), "torch": pytest.approx(4e-3 + 6.4e-4)}
    assert set(survey(CONVOLUTION, without_torch(POOLING)).totals) == {"ours"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([CONVOLUTION], "convpool is 2.00x as fast as torch 2.13 over these 1 layers (1 thread)"),
        (
            [CONVOLUTION, CONVOLUTION, POOLING],
            "convpool is 3.17x as fast as torch 2.13 over these 3 layers "
            "(1 thread; 2 convolutions 2.00x, 1 pooling 8.00x)",
        ),
        (
            [replace(CONVOLUTION, seconds={"bound": 2e-3, "torch": 1e-3})],
            "convpool is 2.00x as slow as torch 2.13 over these 1 layers (1 thread)",
        ),
        (
            [without_torch(CONVOLUTION), without_torch(POOLING)],
            "convpool reaches 85% of this machine's limits over these 2 layers (1 thread)",
        ),
        ([WRONG], ""),
    ],
)
def test_words(lines: list[Line[Case]], said: str) -> None:
    assert words(survey(*lines)) == said


def test_words_about_a_net() -> None:
    said = words(survey(CONVOLUTION, name="net.py:Net", net=NET_TIMES))
    assert said == "net.py:Net, accelerated, is 1.50x as fast as with torch 2.13 alone (1 thread)"


def test_words_about_a_part() -> None:
    end = "(1 thread)"
    assert words(survey(CONVOLUTION, WRONG)).endswith(f"over 1 of these 2 layers {end}")
    net = survey(CONVOLUTION, name="net.py:Net", net=NET_TIMES)
    said = words(replace(net, net=None))
    assert said.endswith(f"over the 1 layers of net.py:Net {end}")


def test_json_holds_everything() -> None:
    content = json.loads(survey(CONVOLUTION, POOLING, WRONG, net=NET_TIMES).to_json())
    first, second, third = content["lines"]
    assert parse_layer(first["layer"]) == CONVOLUTION.case.spec
    assert (first["shape"], first["count"], first["ratio"]) == ([1, 64, 56, 56], 2, 2.0)
    assert first["fraction"] == pytest.approx(231_211_008 / 1e-3 / 2e11)
    assert second["seconds"] == {"functions": 8e-5, "torch": 6.4e-4}
    assert (third["seconds"], third["wrong"], third["limit"]) == ({}, ["functions"], None)
    assert content["net"]["ratio"] == pytest.approx(1.5)
    assert content["limits"] == LIMITS


def test_an_order_is_carried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey_module, "limits", lambda threads: LIMITS)
    said: list[str] = []
    cases = [Case(parse_layer("MaxPool2d(2)"), (1, 2, 4, 4))]
    found = carry_out(Order("this layer", cases, "nchw", 1, QUICK, lambda: NET_TIMES), said.append)
    assert found.is_complete
    assert set(found.lines[0].seconds) == {"functions", "torch"}
    assert found.net == NET_TIMES
    assert said == ["limits", "MaxPool2d(2)", "this layer"]


def test_an_interruption_keeps_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(survey_module, "limits", lambda threads: LIMITS)
    cases = [Case(parse_layer("MaxPool2d(2)"), (1, 2, 4, 4))]
    order = Order("net", cases, "nchw", 1, QUICK, interrupted)  # type: ignore[arg-type]
    found = carry_out(order, lambda _text: None)
    assert (len(found.lines), found.is_complete) == (1, False)


def test_ways() -> None:
    assert way(Case(parse_layer("MaxPool2d(2)"), (1, 2, 4, 4))) == "windows"
    assert way(Case(parse_layer("Conv2d(1, 1, 3)"), (1, 1, 5, 5))) == "plain loops"


def test_the_machine_in_words() -> None:
    lines = heading(replace(MACHINE, load=2.0), {2: LIMITS}).splitlines()
    assert lines == [
        "A CPU (sapphirerapids, AVX-512 and AMX), 4 CPUs, load 2.00",
        "Python 3.11.0, convpool 1.0, torch 2.13.0+cpu",
        "Something else kept the machine busy before this run: expect wrong times.",
        "2 threads: 200 GF/s of multiply-adds, 500 GF/s of matrix products (AMX), "
        "20.0 GB/s read and written by a large copy",
    ]
    assert vectors(replace(MACHINE, features=["neon"])) == "NEON"
    assert vectors(replace(MACHINE, features=[])) == "no vectors known"


@pytest.mark.parametrize("name", ["a.png", "a.svg"])
def test_the_picture(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    from convpool.bench.picture import draw

    draw(survey(CONVOLUTION, POOLING, WRONG), tmp_path / name)
    first = (tmp_path / name).read_bytes()
    draw(survey(CONVOLUTION, POOLING, WRONG), tmp_path / name)
    assert (tmp_path / name).read_bytes() == first
    draw(survey(without_torch(CONVOLUTION), without_torch(POOLING)), tmp_path / name)
    assert (tmp_path / name).read_bytes() != first
    with pytest.raises(DataError, match="nothing was timed"):
        draw(survey(WRONG), tmp_path / name)


def test_pictures_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from convpool.bench import figure

    with pytest.raises(DataError, match="cannot write"):
        figure.check_picture("--picture", tmp_path / "none" / "a.png")
    monkeypatch.setattr(figure, "find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match=r"pip install 'convpool\[bench\]'"):
        figure.check_picture("--picture", tmp_path / "a.png")
