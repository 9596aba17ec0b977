"""What a renderer needs is loaded when it is used, and no sooner."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from convpool.pictures.drawing import Drawing
from convpool.pictures.renderers import renderer
from convpool.pictures.renderers.look import Look
renderer(sys.argv[1])(Drawing(16, 16, (), ("", ""), "nothing", 8), Look())
print(" ".join({"numpy", "PIL", "av", "numba", "rich", "typer"} & set(sys.modules)))
"""


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("a.svg", set()),
        ("a.html", set()),
        ("a.gif", {"numpy", "PIL"}),
        ("a.png", {"numpy", "PIL"}),
        ("a.webp", {"numpy", "PIL"}),
        ("a.mp4", {"numpy", "PIL", "av"}),
    ],
)
def test_a_renderer_loads_what_it_needs_alone(name: str, needed: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, name], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == needed
