"""Random drawings for hypothesis: anything anywhere, at any time."""

from hypothesis import strategies as st

from convpool.pictures.drawing import Drawing, Line, Polygon, Role, Shape, Text

WIDTH, HEIGHT, COUNT = 64, 48, 5

COORDINATES = st.tuples(st.integers(-8, WIDTH + 8), st.integers(-8, HEIGHT + 8)).map(
    lambda pair: (pair[0] / 2 + 16, pair[1] / 2 + 8)
)
SHOWN = st.tuples(st.integers(0, COUNT), st.integers(0, COUNT)).map(lambda pair: range(*pair))
SHADES = st.none() | st.floats(-1, 1)
ROLES = st.sampled_from(list(Role))


@st.composite
def boxes(draw: st.DrawFn) -> Polygon:
    left, top = draw(COORDINATES)
    right, bottom = left + draw(st.integers(1, 30)), top + draw(st.integers(1, 30))
    corners = (left, top), (right, top), (right, bottom), (left, bottom)
    return Polygon(corners, draw(ROLES), draw(SHOWN), draw(SHADES), draw(st.booleans()))


triangles = st.builds(
    Polygon, st.tuples(COORDINATES, COORDINATES, COORDINATES), ROLES, SHOWN, SHADES, st.booleans()
)
lines = st.builds(
    Line,
    st.lists(COORDINATES, min_size=2, max_size=4, unique=True).map(tuple),
    ROLES,
    SHOWN,
    st.booleans(),
)
texts = st.builds(
    Text,
    COORDINATES,
    st.sampled_from(["-3", "1×2", "Wj|", "∞", ""]),
    st.integers(6, 20).map(float),
    ROLES,
    SHOWN,
    st.sampled_from(["start", "middle", "end"]),
    SHADES,
    st.booleans(),
)
shapes: st.SearchStrategy[Shape] = st.one_of(boxes(), triangles, lines, texts)
drawings = st.lists(shapes, max_size=12).map(
    lambda drawn: Drawing(WIDTH, HEIGHT, tuple(drawn), tuple("abcde"), "random", 16)
)
