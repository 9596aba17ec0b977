"""The sums of a block: tile by tile in registers, added to what earlier products left."""

# Compiled by Numba, which infers the types.
# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

from numba import njit

from convpool.kernels.simd import add_stored, load, multiply_add, store_all, zeros


@njit(inline="always")
def tiles_across_filters(images, offsets, span, panel, filters, sums, phase, extent, plan, lanes, count):  # noqa: PLR0917
    """Sum the products of a span for every position of a phase, `count` pixels at a time.

    Args:
        images: an array of the element type.
        offsets: where in the panel a product's tap lies, from a tile's first position on.
        span: the products' first and last, which is left out, in `offsets`.
        panel, filters, sums: addresses; a product's filters follow the last one's.
        phase: its first row and column among those of the output.
        extent: its rows and columns within the block.
        plan: the layer's numbers.
        lanes, count: the tile.
    """
    item = images.itemsize
    step = plan.step_x * lanes * item
    for y in range(extent[0]):
        line = (y * plan.step_y + phase[0]) * plan.sums_pitch + phase[1]
        for x in range(0, extent[1], count):
            place = panel + (y * plan.pitch + x) * item
            weights = filters
            tile = zeros(images, lanes, count)
            for product in range(span[0], span[1]):
                tile = multiply_add(tile, load(images, weights, lanes), place + offsets[product])
                weights += lanes * item
            target = sums + (line + x * plan.step_x) * lanes * item
            if span[2]:
                tile = add_stored(tile, target, step)
            store_all(tile, target, step)


@njit(inline="always")
def tiles_across_pixels(images, offsets, span, panel, filters, sums, extent, plan, lanes, count):  # noqa: PLR0917
    """Sum the products of a span for every position of the block, `count` filters at a time.

    The positions run on from row to row of the panel, over its padding too, whose sums nobody
    reads. Arguments as above.
    """
    item = images.itemsize
    for pixel in range(0, (extent[0] - 1) * plan.pitch + extent[1], lanes):
        place = panel + pixel * item
        weights = filters
        tile = zeros(images, lanes, count)
        for product in range(span[0], span[1]):
            tile = multiply_add(tile, load(images, place + offsets[product], lanes), weights)
            weights += count * item
        target = sums + pixel * item
        if span[2]:
            tile = add_stored(tile, target, plan.plane)
        store_all(tile, target, plan.plane)
