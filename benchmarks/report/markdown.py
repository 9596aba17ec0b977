"""Tables and numbers as Markdown."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Return a table whose first columns are texts and whose others are numbers.

    Example:
        >>> print(table(["layer", "µs"], [["stem", "1.5"]]))
        | layer | µs |
        |---|---:|
        | stem | 1.5 |
    """
    rule = ["---" if column < texts else "---:" for column in range(len(header))]
    lines = [_row(header), f"|{'|'.join(rule)}|", *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def folded(title: str, content: str) -> str:
    """Return content that is shown when its title is clicked."""
    return f"<details>\n<summary>{title}</summary>\n\n{content}\n\n</details>"


def ratio(value: float | None) -> str:
    """Write a ratio, or nothing where there is none."""
    return "" if value is None else f"{value:.2f}"


def error(value: float | None) -> str:
    """Write an error, or nothing where there is none."""
    return "" if value is None else f"{value:.1e}"
