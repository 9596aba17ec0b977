"""Scalar fields on the 64x64 canvas of the test cards: values in 0..1, shape (64, 64).

x grows to the right and y downwards, in pixels from the canvas's centre; angles are in degrees,
anticlockwise from the right. Edges of shapes are antialiased through the distance to them.
"""

import math

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float64]

SIDE = 64
_MIDDLES = np.arange(SIDE) - (SIDE - 1) / 2
X: Field = np.tile(_MIDDLES, (SIDE, 1))
Y: Field = X.T
R: Field = np.hypot(X, Y)
THETA: Field = np.arctan2(-Y, X)


def wave(phase: Field) -> Field:
    """Return a cosine between 0 and 1; `phase` counts periods."""
    return 0.5 + 0.5 * np.cos(2 * math.pi * phase)


def inside(distance: Field) -> Field:
    """Return how much of each pixel is inside, from signed distances (negative inside)."""
    return np.clip(0.5 - distance, 0, 1)


def along(angle: float) -> Field:
    """Return the coordinate along a direction."""
    turn = math.radians(angle)
    return math.cos(turn) * X - math.sin(turn) * Y


def stretched(field: Field) -> Field:
    """Return the field with its least value at 0 and its greatest at 1."""
    low, high = float(field.min()), float(field.max())
    return (field - low) / (high - low)


def ramp(angle: float) -> Field:
    """Return a ramp that climbs from 0 to 1 along a direction."""
    return stretched(along(angle))


def triangle_wave(position: Field, period: float) -> Field:
    """Return the signed distance to the nearest edge of stripes that are half a period wide."""
    return np.abs(np.mod(position, period) - period / 2) - period / 4


# --- repeating patterns


def grating(angle: float, period: float) -> Field:
    """Return a sinusoidal grating whose bars run at the angle."""
    return wave(along(angle + 90) / period)


def chirp() -> Field:
    """Return upright bars that narrow from 32 pixels a period to 3."""
    start, end = 1 / 32, 1 / 3
    u = X + SIDE / 2
    return wave(u * start + u**2 * (end - start) / (2 * SIDE))


def zone_plate() -> Field:
    """Return rings whose frequency grows with the radius, to half a cycle a pixel in the corner."""
    return wave(R**2 / (2 * SIDE * math.sqrt(2)))


def spiral(arms: int, period: float) -> Field:
    """Return an Archimedean spiral."""
    return inside(triangle_wave(R + arms * period * THETA / (2 * math.pi), period))


def sunburst(rays: int) -> Field:
    """Return rays from the centre, as wide as the gaps between them."""
    return inside(R * np.arcsin(np.sin(rays * THETA)) / rays)


def ripples(period: float) -> Field:
    """Return the interference of two point sources of waves."""
    left, right = np.hypot(X + 20, Y - 10), np.hypot(X - 20, Y + 10)
    return (wave(left / period) + wave(right / period)) / 2


def moire(period: float) -> Field:
    """Return two fans of rings laid over each other."""
    left, right = np.hypot(X + 9, Y), np.hypot(X - 9, Y)
    return inside(triangle_wave(left, period)) * inside(triangle_wave(right, period))


def checkerboard(side: float, angle: float = 0) -> Field:
    """Return a checkerboard with squares of `side` pixels, one corner at the centre."""
    u, v = (triangle_wave(along(a) + side / 2, 2 * side) for a in (angle, angle + 90))
    return inside(u) * inside(-v) + inside(-u) * inside(v)


def halftone(pitch: float) -> Field:
    """Return dots on a slanted lattice that swell along the diagonal."""
    u, v = along(45), along(-45)
    du, dv = np.mod(u, pitch) - pitch / 2, np.mod(v, pitch) - pitch / 2
    return inside(np.hypot(du, dv) - pitch * (0.08 + 0.5 * ramp(-45)))


def bricks(width: int, height: int) -> tuple[Field, Field]:
    """Return the mortar of a wall, 2 pixels wide, and a shade for each brick."""
    row = np.floor((Y + SIDE / 2) / height)
    shifted = X + SIDE / 2 + np.mod(row, 2) * width / 2
    column = np.floor(shifted / width)
    gap = (np.mod(Y + SIDE / 2, height) < 2) | (np.mod(shifted, width) < 2)
    return gap.astype(np.float64), np.mod(row * 0.37 + column * 0.61, 1)


def honeycomb(pitch: float) -> tuple[Field, Field]:
    """Return the walls of hexagonal cells and, for each cell, how far to the right it lies."""
    rise = pitch * math.sqrt(3)
    distances, centres = [], []
    for shift in (0.0, 0.5):  # the centres form two rectangular lattices
        u = np.mod(X + shift * pitch + pitch / 2, pitch) - pitch / 2
        v = np.mod(Y + shift * rise + rise / 2, rise) - rise / 2
        u_abs, v_abs = np.abs(u), np.abs(v)
        distances.append(np.maximum(u_abs, u_abs / 2 + v_abs * math.sqrt(3) / 2))
        centres.append(X - u)
    first = distances[0] < distances[1]
    wall = inside(pitch / 2 - 1 - np.minimum(*distances))
    return wall, np.clip(np.where(first, *centres) / SIDE + 0.5, 0, 1)


def scales(radius: float) -> Field:
    """Return overlapping discs of rings, each row over the one above, like fish scales."""
    field = np.zeros_like(X)
    for row in range(-2, int(2 * SIDE / radius) + 3):
        v = Y + SIDE / 2 - (row - 1) * radius / 2
        u = np.mod(X + (row % 2) * radius + radius, 2 * radius) - radius
        distance = np.hypot(u, v)
        field = np.where(distance < radius, wave(distance / (radius / 2.5)), field)
    return field


# --- shapes, as signed distances


def polygon(corners: int, radius: float, tip: float = 90) -> Field:
    """Return the distance to a regular polygon, one corner pointing to `tip`."""
    sector = 2 * math.pi / corners
    turn = np.mod(THETA - math.radians(tip), sector) - sector / 2
    return R * np.cos(turn) - radius * math.cos(sector / 2)


def star(points: int, radius: float, inner: float) -> Field:
    """Return the distance to a star with its tips at `radius` and its notches at `inner`."""
    half = math.pi / points
    turn = np.abs(
        np.mod(THETA - math.pi / 2 + half, 2 * half) - half
    )  # 0 at a tip, half at a notch
    u, v = R * np.cos(turn), R * np.sin(turn)
    edge_u, edge_v = inner * math.cos(half) - radius, inner * math.sin(half)
    return (v * -edge_u + (u - radius) * edge_v) / math.hypot(edge_u, edge_v)


def heart(size: float) -> Field:
    """Return the distance to a square on its corner with a disc on each upper side."""
    u, v = along(45), along(135)
    square = np.maximum(np.abs(u), np.abs(v)) - size
    discs = np.minimum(np.hypot(u - size, v), np.hypot(u, v - size)) - size
    return np.minimum(square, discs)


def crescent(radius: float) -> Field:
    """Return the distance to a disc without a second disc."""
    return np.maximum(R - radius, 0.78 * radius - np.hypot(X - 0.45 * radius, Y + 0.2 * radius))


# --- textures


def noise(cells: int, seed: int) -> Field:
    """Return smooth noise: random values on a lattice of `cells` by `cells`, eased in between.

    The raw stream of a bit generator is the part of NumPy's random numbers that never changes.
    """
    raw = np.random.PCG64(seed).random_raw((cells + 1) ** 2)
    lattice = (raw >> np.uint64(11)).astype(np.float64).reshape(cells + 1, cells + 1) / 2**53
    position = (np.arange(SIDE) + 0.5) * cells / SIDE
    cell = np.floor(position)
    rest = position - cell
    ease = rest * rest * (3 - 2 * rest)
    weights = np.zeros((SIDE, cells + 1))
    weights[np.arange(SIDE), cell.astype(int)] = 1 - ease
    weights[np.arange(SIDE), cell.astype(int) + 1] += ease
    smooth: Field = weights @ lattice @ weights.T
    return smooth


def clouds(seed: int) -> Field:
    """Return noise of four octaves, stretched to 0..1."""
    octaves = [noise(cells, seed + cells) / cells for cells in (4, 8, 16, 32)]
    return stretched(np.sum(octaves, axis=0))
