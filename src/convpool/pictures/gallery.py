"""A folder of animations with two pages that show them: README.md and index.html."""

import os
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from convpool.errors import DataError
from convpool.files import write_whole
from convpool.pictures.animation import Animation, look_of
from convpool.pictures.exhibits import Exhibit, exhibits
from convpool.pictures.frames import film
from convpool.pictures.views import draw

_TITLE = "Convolution arithmetic"
_ABOUT = (
    "Made by `convpool animate --gallery`, from the cases of Dumoulin and Visin, "
    "A guide to convolution arithmetic for deep learning (arXiv 1603.07285)."
)


def write_gallery(folder: str | os.PathLike[str], *, theme: str = "light") -> Iterator[Path]:
    """Write the standard animations as GIFs and the pages that show them; yield each file written.

    Args:
        folder: where to; made if it is missing, and what has these names there is replaced.
        theme: "light" or "dark".

    Raises:
        ArgumentError: no such theme.
        DataError: the folder can't be made or written.
    """
    look, shown = look_of(theme=theme), exhibits()
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot write to {target}: {error.strerror or error}") from error
    for exhibit in shown:
        told = film(exhibit.layer, exhibit.input, exhibit.weight)
        path = target / f"{exhibit.name}.gif"
        Animation(draw(told, exhibit.view), look).save(path)
        yield path
    for name, page in (("README.md", markdown(shown)), ("index.html", html(shown))):
        write_whole(target / name, page.encode())
        yield target / name


def markdown(shown: Sequence[Exhibit]) -> str:
    """Return the page for a reader of the repository."""
    lines = [f"# {_TITLE}", "", _ABOUT]
    for chapter, group in groupby(shown, lambda exhibit: exhibit.chapter):
        lines += ["", f"## {chapter}"]
        for exhibit in group:
            lines += ["", f"**{exhibit.text}**  ", f"`{exhibit.layer}`", ""]
            lines.append(f"![{exhibit.text}]({exhibit.name}.gif)")
    return "\n".join(lines) + "\n"


def html(shown: Sequence[Exhibit]) -> str:
    """Return the page for a browser."""
    chapters = "".join(
        f"<h2>{escape(chapter)}</h2><main>{''.join(map(_figure, group))}</main>"
        for chapter, group in groupby(shown, lambda exhibit: exhibit.chapter)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{_TITLE}</title>'
        "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;"
        "margin:2rem auto;max-width:76rem;padding:0 1rem}main{display:flex;flex-wrap:wrap;"
        "gap:2rem;align-items:end}figure{margin:0;max-width:100%}img{max-width:100%;height:auto}"
        f"figcaption{{font-size:.9rem}}</style><h1>{_TITLE}</h1><p>{escape(_ABOUT)}</p>"
        f"{chapters}</html>\n"
    )


def _figure(exhibit: Exhibit) -> str:
    text = escape(exhibit.text)
    return (
        f'<figure><img src="{exhibit.name}.gif" alt="{text}" loading="lazy">'
        f"<figcaption>{text}</figcaption></figure>"
    )
