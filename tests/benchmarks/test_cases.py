from pathlib import Path

import pytest

from benchmarks.cases import CLASSES, FOLDER, NETWORKS, all_cases, read_table, select
from convpool.errors import ArgumentError
from tests.benchmarks.contestants import case_named

HEADER = (FOLDER / "layers.csv").read_text().splitlines()[0]
GOOD = "net,layer,conv2d,1,3,8,8,4,3,3,1,1,1,1,1,1"


def test_tables_have_every_class() -> None:
    assert {case.kind for case in all_cases()} == set(CLASSES)


def test_further_networks_have_layers_of_their_own() -> None:
    usual = {(case.shape, case.spec, case.op) for case in all_cases()}
    further = all_cases([NETWORKS])
    assert len({case.net for case in further}) >= 10
    assert len({case.name for case in further if case.is_convolution}) == 76
    assert usual.isdisjoint((case.shape, case.spec, case.op) for case in further)


def test_pooling_comes_with_indices_and_without() -> None:
    cases = read_table(FOLDER / "layers.csv")
    rows = len((FOLDER / "layers.csv").read_text().splitlines()) - 1
    pooling = [case.name for case in cases if case.op == "max_pool2d"]
    assert [case.name for case in cases if case.op == "max_pool2d_with_indices"] == pooling
    assert len(cases) == rows + len(pooling)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tutorial,5x5 k3 s1", "first layer"),
        ("resnet50,stem 7x7 s2", "first layer"),
        ("cifar-cnn,c2 32-32 k5", "other conv"),
        ("resnet50,l1 64-64 3x3", "3x3 s1"),
        ("resnet50,l1 64-64 1x1", "1x1"),
        ("resnet50,l2 256-512 1x1 s2", "strided"),
        ("resnet50,l2 128-128 3x3 s2", "strided"),
        ("mobilenetv2,dw 96 112 s2", "depthwise"),
        ("odd,grouped 32 (resnext)", "grouped"),
        ("odd,dilated 2", "dilated"),
        ("odd,k3 s1 (inception)", "pooling"),
        ("dcgan,128-3 k4 s2", "transposed"),
    ],
)
def test_classes(name: str, kind: str) -> None:
    assert case_named(name).kind == kind


def test_work_of_a_convolution_is_two_operations_a_product() -> None:
    case = case_named("resnet50,l2 128-128 3x3 s2")
    assert case.output_shape == (1, 128, 28, 28)
    assert case.work == 2 * 128 * 28 * 28 * 128 * 3 * 3


def test_work_of_a_transposed_convolution_counts_its_input() -> None:
    case = case_named("unet,128-64 k2 s2")
    assert case.output_shape == (1, 64, 112, 112)
    assert case.work == 2 * 128 * 56 * 56 * 64 * 2 * 2


def test_work_of_pooling_is_the_bytes_of_input_and_outputs() -> None:
    values, both = (
        case_named("resnet50,pool 3x3 s2", op) for op in ("max_pool2d", "max_pool2d_with_indices")
    )
    inputs, outputs = 64 * 112 * 112, 64 * 56 * 56
    assert values.work == 4 * inputs + 4 * outputs
    assert both.work == 4 * inputs + 12 * outputs


def test_selection_by_text_and_batch() -> None:
    cases = all_cases()
    assert [case.n for case in select(cases, match="resnet20-cifar,STEM")] == [1, 64]
    assert [case.n for case in select(cases, batch="table", match="resnet20-cifar,stem")] == [64]
    assert [case.n for case in select(cases, match="resnet50,stem")] == [1]
    assert {case.kind for case in select(cases, match="depthwise")} == {"depthwise"}
    assert all(case.table_n == 64 for case in select(cases, batch="1", match="resnet20"))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (f"{HEADER}\n{GOOD.replace(',8,8', ',8,x')}", r"w in line 2 of table.csv is 'x'"),
        (f"{HEADER}\n{GOOD}\n{GOOD.replace('conv2d', 'conv3d')}", r"op in line 3 .* 'conv3d'"),
        (f"{HEADER}\n{GOOD[:-2]}", "count in line 2 of table.csv is None"),
        (HEADER.replace(",groups", ""), "columns .*groups"),
    ],
)
def test_a_damaged_table_is_named(tmp_path: Path, table: str, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(table)
    with pytest.raises(ArgumentError, match=message):
        read_table(path)
