"""Capital letters drawn as strokes: straight lines and circular arcs with round ends.

A letter is a list of strokes in a box whose cap height runs from y = -1 (top) to y = 1 (bottom),
x from the middle to both sides. A line is (x0, y0, x1, y1); an arc is (x, y, radius, start, end),
in degrees anticlockwise from the right, from `start` anticlockwise to `end`.
"""

import numpy as np

from convpool.images.fields import Field, X, Y, inside

Line = tuple[float, float, float, float]
Arc = tuple[float, float, float, float, float]

LETTERS: dict[str, list[Line | Arc]] = {
    "A": [(-0.8, 1, 0, -1), (0, -1, 0.8, 1), (-0.48, 0.3, 0.48, 0.3)],
    "B": [
        (-0.6, -1, -0.6, 1),
        (-0.6, -1, 0.05, -1),
        (-0.6, -0.06, 0.05, -0.06),
        (-0.6, 1, 0.07, 1),
        (0.05, -0.53, 0.47, -90, 90),
        (0.07, 0.47, 0.53, -90, 90),
    ],
    "C": [(0.1, 0, 1, 45, 315)],
    "D": [
        (-0.65, -1, -0.65, 1),
        (-0.65, -1, -0.25, -1),
        (-0.65, 1, -0.25, 1),
        (-0.25, 0, 1, -90, 90),
    ],
    "E": [(-0.5, -1, -0.5, 1), (-0.5, -1, 0.6, -1), (-0.5, -0.05, 0.45, -0.05), (-0.5, 1, 0.6, 1)],
    "G": [(0, 0, 1, 45, 350), (0.98, 0.17, 0.25, 0.17)],
    "H": [(-0.7, -1, -0.7, 1), (0.7, -1, 0.7, 1), (-0.7, 0, 0.7, 0)],
    "K": [(-0.6, -1, -0.6, 1), (0.65, -1, -0.6, 0.2), (-0.15, -0.23, 0.7, 1)],
    "L": [(-0.5, -1, -0.5, 1), (-0.5, 1, 0.6, 1)],
    "N": [(-0.7, 1, -0.7, -1), (-0.7, -1, 0.7, 1), (0.7, 1, 0.7, -1)],
    "O": [(0, 0, 1, 0, 360)],
    "P": [
        (-0.55, -1, -0.55, 1),
        (-0.55, -1, 0.05, -1),
        (-0.55, 0.1, 0.05, 0.1),
        (0.05, -0.45, 0.55, -90, 90),
    ],
    "R": [
        (-0.55, -1, -0.55, 1),
        (-0.55, -1, 0.05, -1),
        (-0.55, 0.06, 0.05, 0.06),
        (0.05, -0.47, 0.53, -90, 90),
        (0.05, 0.06, 0.65, 1),
    ],
    "S": [(0, -0.48, 0.52, 20, 270), (0, 0.5, 0.5, -160, 90)],
    "V": [(-0.8, -1, 0, 1), (0, 1, 0.8, -1)],
    "X": [(-0.7, -1, 0.7, 1), (0.7, -1, -0.7, 1)],
}


def letter(name: str, height: float, weight: float) -> Field:
    """Return the coverage of a letter `height` pixels high with strokes `weight` pixels wide."""
    unit = (height - weight) / 2
    distances = [_distance(stroke, X / unit, Y / unit) for stroke in LETTERS[name]]
    return inside(np.minimum.reduce(distances) * unit - weight / 2)


def _distance(stroke: Line | Arc, x: Field, y: Field) -> Field:
    if len(stroke) == 4:
        x0, y0, x1, y1 = stroke
        run, rise = x1 - x0, y1 - y0
        share = np.clip(((x - x0) * run + (y - y0) * rise) / (run**2 + rise**2), 0, 1)
        return np.hypot(x - x0 - share * run, y - y0 - share * rise)
    centre_x, centre_y, radius, start, end = stroke
    dx, dy = x - centre_x, y - centre_y
    angle = np.mod(np.rad2deg(np.arctan2(-dy, dx)) - start, 360)
    ends = (np.deg2rad(start), np.deg2rad(end))
    to_ends = [np.hypot(dx - radius * np.cos(a), dy + radius * np.sin(a)) for a in ends]
    return np.where(angle <= end - start, np.abs(np.hypot(dx, dy) - radius), np.minimum(*to_ends))
