import subprocess
import sys

import pytest

from convpool import pictures


def test_every_public_name_is_there() -> None:
    for name in pictures.__all__:
        assert getattr(pictures, name).__name__ == name
    assert set(pictures.__all__) <= set(dir(pictures))


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        pictures.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import convpool.pictures", {"numpy", "PIL"}),
        ("from convpool.pictures import ColourScale, tile_maps", {"PIL"}),
        ("import convpool.board", {"tensorboardX", "tensorboard", "torch"}),
    ],
)
def test_imports_load_no_more_than_they_need(statement: str, absent: set[str]) -> None:
    code = f"import sys; {statement}; print(*sorted({absent!r} & set(sys.modules)))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []
