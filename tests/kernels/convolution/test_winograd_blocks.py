"""Which tiles a unit of a short convolution takes, for a batch and a number of threads."""

from dataclasses import replace

import pytest

from convpool.kernels.convolution.blocking import Machine
from convpool.kernels.convolution.winograd.blocks import ONE, Tiling

SMALL = Tiling(
    points=6,
    down=2,
    across=2,
    channels=64,
    filters=64,
    groups=1,
    itemsize=4,
    machine=Machine(64, 32),
    matrices=False,
    count=4,
)
LARGE = replace(SMALL, down=14, across=14, count=8)


def test_images_of_small_maps_come_together() -> None:
    """The weights are read once for all of them."""
    alone, many = SMALL.best(1, 1), SMALL.best(64, 1)
    assert alone.block == replace(ONE, down=2, across=2)
    assert many.block.images > 1
    assert many.cycles < 64 * alone.cycles
    assert many.cycles == SMALL.best(64, 2).cycles * 2


def test_no_thread_is_left_without_work() -> None:
    for tiling in (SMALL, LARGE, replace(LARGE, matrices=True)):
        one, two = tiling.best(1, 1), tiling.best(1, 2)
        assert two.cycles < 0.8 * one.cycles
        pieces = -(-tiling.down // two.block.down) * -(-tiling.across // two.block.across)
        assert pieces * two.shares >= 2


@pytest.mark.parametrize("matrices", [False, True])
def test_every_tile_has_room(matrices: bool) -> None:
    tiling = replace(LARGE, matrices=matrices)
    for batch in (0, 1, 3, 64):
        for threads in (1, 2, 7):
            tiles = tiling.best(batch, threads).block.tiles
            assert tiling.room(tiles) >= tiles
            assert tiling.step(tiles) >= tiling.room(tiles) * tiling.tile
            assert tiling.plane(tiles) % 4096
