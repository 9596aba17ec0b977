from dataclasses import replace

import pytest

from benchmarks.cases import Case
from benchmarks.means import ALL, Setting, means, means_from
from convpool.bench.measure import Line
from tests.benchmarks.contestants import case_named

SETTING = Setting(2, "table", "nchw")


def _line(name: str, torch: float, functions: float, **changes: object) -> Line[Case]:
    seconds = {"torch": torch, "functions": functions}
    errors = dict.fromkeys(seconds, 0.0)
    line = Line(case_named(name), "nchw", 2, errors, seconds, 1.0)
    return replace(line, **changes)  # type: ignore[arg-type]


def test_geometric_means_by_class_and_over_all_convolutions() -> None:
    lines = [
        _line("resnet50,l1 64-64 3x3", torch=4, functions=1),
        _line("resnet50,l2 128-128 3x3", torch=1, functions=1),
        _line("resnet50,l1 64-64 1x1", torch=1, functions=4),
        _line("dcgan,512-256 k4 s2", torch=100, functions=1),  # not of the table
        _line("vgg16,pool 14", torch=50, functions=1),
    ]
    found = {mean.kind: mean for mean in means(lines, [SETTING])}
    assert found["3x3 s1"].ratio == pytest.approx(2)
    assert (found["3x3 s1"].layers, found["3x3 s1"].least) == (2, 1)
    assert found["3x3 s1"].least_layer == "resnet50,l2 128-128 3x3"
    assert found["1x1"].ratio == pytest.approx(0.25)
    assert found["transposed"].ratio == pytest.approx(100)
    assert found["pooling"].ratio == pytest.approx(50)
    assert found[ALL].ratio == pytest.approx(1)
    assert found[ALL].layers == 3


def test_a_wrong_layer_and_other_settings_are_left_out() -> None:
    lines = [
        _line("resnet50,l1 64-64 3x3", torch=2, functions=1),
        _line("resnet50,l2 128-128 3x3", torch=9, functions=1, seconds={}),
        _line("resnet50,l2 128-128 3x3", torch=9, functions=1, threads=1),
        _line("resnet50,l2 128-128 3x3", torch=9, functions=1, layout="nhwc"),
        _line("resnet20-cifar,64-64", 9, 1, case=case_named("resnet20-cifar,64-64").with_batch(1)),
    ]
    assert {mean.ratio for mean in means(lines, [SETTING])} == {2}


def test_batch_1_holds_the_layers_that_have_it_in_the_table() -> None:
    single, batch = Setting(2, "1", "nchw"), Setting(2, "table", "nchw")
    line = _line("resnet50,l1 64-64 3x3", torch=2, functions=1)
    assert single.holds(line)
    assert batch.holds(line)
    line = _line("resnet20-cifar,64-64", torch=2, functions=1)
    assert not single.holds(line)
    assert batch.holds(line)


def test_bound_layers_have_means_of_their_own() -> None:
    seconds = {"torch": 6.0, "functions": 3.0, "bound": 2.0}
    errors = dict.fromkeys(seconds, 0.0)
    line = _line("resnet50,l1 64-64 3x3", 6, 3, seconds=seconds, errors=errors)
    ratios = {mean.ours: mean.ratio for mean in means([line], [SETTING]) if mean.kind == ALL}
    assert ratios == {"functions": pytest.approx(2), "bound": pytest.approx(3)}


def test_means_come_back_from_json() -> None:
    from dataclasses import asdict

    found = means([_line("resnet50,l1 64-64 3x3", torch=2, functions=1)], [SETTING])
    assert means_from([asdict(mean) for mean in found]) == found
