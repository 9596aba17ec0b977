from convpool.bench import limits as limits_module
from convpool.bench.limits import PRODUCTS, TILE_OPERATIONS, limits, matrix_operations, operations
from convpool.kernels import amx


def test_limits_are_those_that_the_cpu_has() -> None:
    found = limits(1)
    assert set(found) - {"matrix products"} == {"multiply-adds", "large copy"}
    assert ("matrix products" in found) == amx.available()
    assert all(1e8 < rate < 1e14 for rate in found.values())


def test_operations_are_two_a_product() -> None:
    assert operations(2, 16) == 2 * operations(1, 16) == 4 * operations(1, 8)
    assert TILE_OPERATIONS == 2 * 16 * 16 * 32
    assert PRODUCTS == 6
    steps = limits_module.STEPS // 16
    assert matrix_operations(1) == 4 * steps * TILE_OPERATIONS / 6
