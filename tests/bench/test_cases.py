from dataclasses import replace

import numpy as np
import pytest

from convpool.bench.cases import Case, arguments, layer_text
from convpool.bench.chosen import STANDARD, chain_cases, standard_cases
from convpool.bench.ours import Ours
from convpool.bench.pytorch import Torch, has
from convpool.bench.task import by_reference, error, is_wrong, make_task, truth
from convpool.errors import ArgumentError
from convpool.notation import parse_layer, parse_net

LAYERS = {
    "Conv2d(4, 6, 3, padding='same', dilation=2, bias=False)": (4, 9, 8),
    "Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2)": (4, 9, 8),
    "Conv2d(4, 6, 3, padding=2, padding_mode='reflect')": (4, 9, 8),
    "Conv2d(4, 6, 3, padding=((0, 1), (2, 0)))": (4, 9, 8),
    "ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1)": (4, 5, 6),
    "ConvTranspose2d(4, 6, 3, padding=((0, 1), (2, 0)))": (4, 5, 6),
    "MaxPool2d(3, stride=2, padding=1, ceil_mode=True)": (4, 9, 8),
    "MaxPool2d(2, return_indices=True)": (4, 9, 8),
    "MaxPool2d(3, padding=((0, 1), (1, 0)))": (4, 9, 8),
    "AvgPool2d(3, stride=1, padding=1, count_include_pad=False)": (4, 9, 8),
    "AvgPool2d(2, ceil_mode=True, divisor_override=3)": (4, 9, 8),
    "MaxUnpool2d(3, stride=2, padding=1)": (4, 5, 6),
}


def case_of(text: str, n: int = 2) -> Case:
    return Case(parse_layer(text), (n, *LAYERS[text]))


@pytest.mark.parametrize("text", [*LAYERS, *(text for text, _ in STANDARD)])
def test_a_layer_is_written_shortly_and_reads_back(text: str) -> None:
    spec = parse_layer(text)
    written = layer_text(spec)
    assert parse_layer(written) == spec
    assert len(written) <= len(repr(spec))
    if text in LAYERS:
        assert written == text


@pytest.mark.parametrize("text", LAYERS)
def test_everybody_is_right(text: str) -> None:
    case = case_of(text)
    task = make_task(case)
    expected = by_reference(task)
    assert error(truth(task), expected) <= (1e-13 if case.rounds else 0)
    theirs, ours = Torch().prepare(task), Ours().prepare(task)
    assert set(theirs) == ({"torch"} if has(case) else set())
    assert set(ours) == ({"functions", "bound"} if case.is_convolution else {"functions"})
    for run in (*theirs.values(), *ours.values()):
        assert not is_wrong(case, error(run(), expected))


def test_what_torch_does_not_have() -> None:
    missing = [text for text in LAYERS if not has(case_of(text))]
    assert [text for text in LAYERS if "((" in text and not text.startswith("Conv2d")] == missing


@pytest.mark.parametrize("text", [text for text in LAYERS if text.startswith("AvgPool2d")])
def test_the_gradient_of_a_mean(text: str) -> None:
    task = make_task(replace(case_of(text), backward=True))
    expected = truth(task)
    assert error(by_reference(task), expected) <= 1e-13
    for contestant in (Torch(), Ours()):
        for run in contestant.prepare(task).values():
            assert not is_wrong(task.case, error(run(), expected))


def test_indices_of_an_unpooling_lie_in_their_windows() -> None:
    case = case_of("MaxUnpool2d(3, stride=2, padding=1)", 1)
    _, indices = make_task(case).arrays
    assert case.output_shape == (1, 4, 9, 11)
    rows, columns = np.divmod(indices[0, 0], 11)
    np.testing.assert_array_equal(rows[:, 0], [0, 1, 3, 5, 7])
    np.testing.assert_array_equal(columns[0], [0, 1, 3, 5, 7, 9])


def test_classes_and_work() -> None:
    mean = case_of("AvgPool2d(2, ceil_mode=True, divisor_override=3)")
    assert (mean.kind, mean.work) == ("average pooling", 4 * 2 * 4 * (72 + 20))
    unpooling = case_of("MaxUnpool2d(3, stride=2, padding=1)")
    assert unpooling.kind == "unpooling"
    convolution = Case(parse_layer("Conv2d(8, 16, 1, bias=False)"), (2, 8, 5, 5))
    assert convolution.intensity == pytest.approx(2 * 50 * 128 / (4 * (50 * 24 + 128)))


def test_arguments_are_those_of_the_functions() -> None:
    given = arguments(parse_layer("Conv2d(4, 4, 3, padding=1)"))
    assert given == {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}


def test_standard_layers_and_chains() -> None:
    cases = standard_cases(3)
    assert {case.n for case in cases} == {3}
    assert len({case.kind for case in cases}) >= 7
    first, second = chain_cases(parse_net(["Conv2d(3, 8, 3)", "MaxPool2d(2)"]), (2, 3, 9, 9))
    assert (first.shape, second.shape) == ((2, 3, 9, 9), (2, 8, 7, 7))
    with pytest.raises(ArgumentError, match="layer 2"):
        chain_cases(parse_net(["Conv2d(3, 8, 3)", "Conv2d(4, 8, 3)"]), (2, 3, 9, 9))
