"""`python -m benchmarks report`: the page about performance, from the files of runs."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.report.reasons import idle, key_of, read_reasons
from benchmarks.report.runs import Figures, read_runs
from benchmarks.report.sections import SECTIONS, behind, leading, settings
from convpool.bench.figure import check_picture
from convpool.errors import ArgumentError
from convpool.files import check_writable, write_whole

PAGE = Path(__file__).with_name("performance.md")


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="FILE...", help="That --json wrote.")],
    to: Annotated[
        Path, typer.Option("--output", "-o", help="The page, a .md file; pictures go beside it.")
    ],
) -> None:
    """Write the page about performance, with its pictures, from the files of runs."""
    if to.suffix != ".md":
        raise ArgumentError("--output", str(to), "the path of a .md file")
    check_writable(to, "--output")
    figures, reasons = read_runs(runs), read_reasons()
    pictures = _pictures(figures, to)
    texts = {name: section(figures) for name, section in SECTIONS.items()}
    page = PAGE.read_text(encoding="utf-8")
    texts["behind"] = behind(figures.timed, reasons)
    texts["behind further"] = behind(figures.further, reasons)
    for name, text in {**texts, **pictures}.items():
        page = page.replace(f"{{{{{name}}}}}", text)
    write_whole(to, page.encode())
    cases = [line.case for line in leading([*figures.timed, *figures.further])]
    unknown = {key_of(case) for case in cases if not reasons.get(key_of(case))}
    typer.echo(f"{to}: a peer leads on {len({key_of(case) for case in cases})} layers")
    for text, keys in (("no reason yet", sorted(unknown)), ("not needed", idle(reasons, cases))):
        for key in keys:
            typer.echo(f"  {text}: {', '.join(key)}")


def _pictures(figures: Figures, to: Path) -> dict[str, str]:
    """Draw the pictures of each number of threads; return the marks' texts, which show them."""
    folder = to.with_suffix("")
    folder.mkdir(exist_ok=True)
    check_picture("--output", folder / "ratios.png")

    from benchmarks.report.pictures import draw_ratios, draw_roofline

    shown: dict[str, list[str]] = {"ratios": [], "roofline": []}
    for title, lines in settings(figures.timed).items():
        if lines[0].layout != "nchw":
            continue
        count = lines[0].threads
        paths = {name: folder / f"{name}-{count}.png" for name in shown}
        draw_ratios(lines, title, paths["ratios"])
        if count in figures.limits:
            draw_roofline(lines, figures.limits[count], title, paths["roofline"])
        for name, path in paths.items():
            if path.exists():
                shown[name].append(f"![{name}, {title}]({folder.name}/{path.name})")
    return {name: "\n\n".join(texts) for name, texts in shown.items()}
