"""A drawing as one HTML file with play, steps, slider and speed: it needs no network.

The file holds the shapes as JSON, the theme as a stylesheet, and `player.js`, which shows the
groups of shapes whose frames include the current one. It knows no layer and computes no geometry.
"""

import json
from html import escape
from importlib.resources import files
from typing import Any

from convpool.pictures.drawing import Drawing, Role
from convpool.pictures.renderers.elements import Element, Group, Letters, groups
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.stylesheet import stylesheet
from convpool.pictures.themes import THEMES, Theme, hexadecimal


def page(drawing: Drawing, look: Look) -> bytes:
    """Return the bytes of an HTML file that plays the drawing.

    Example:
        >>> from convpool.pictures.drawing import Polygon, Role
        >>> square = ((2, 2), (6, 2), (6, 6), (2, 6))
        >>> blink = Polygon(square, Role.CHOSEN, range(1, 2))
        >>> film = Drawing(8, 8, (blink,), ("off", "on"), "blink", 8)
        >>> page(film, Look())[:15]
        b'<!doctype html>'
    """
    content = json.dumps(film(drawing, look), ensure_ascii=False, separators=(",", ":"))
    content = content.replace("</", "<\\/")  # would end the element that holds it
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(drawing.title)}</title>
<style>
body {{ margin: 0; min-height: 100vh; }}
{styles(drawing)}</style>
<body>
<script type="application/json" id="film">{content}</script>
<script type="module">
{script()}
player(document.body, JSON.parse(document.getElementById("film").textContent));
</script>
""".encode()


def film(drawing: Drawing, look: Look) -> dict[str, Any]:
    """Return what the script draws, ready for JSON.

    Its groups are lists of the first frame, the one after the last, and shapes: a path is the place
    of its class among the classes, its data, and what its dashes count as its length if it has any;
    a text is its class, x, y, size and letters. The theme is what was asked for, or null where that
    is the default: then the page follows its reader.

    Example:
        >>> from convpool.pictures.drawing import Polygon, Role
        >>> square = ((2, 2), (6, 2), (6, 6), (2, 6))
        >>> blink = Polygon(square, Role.CHOSEN, range(1, 2))
        >>> shown = Drawing(8, 8, (blink,), ("off", "on"), "blink", 8)
        >>> film(shown, Look())["groups"]
        [[1, 2, [[0, 'M2 2h4v4h-4z']]]]
    """
    parts = groups(drawing, look.theme)
    classes: dict[str, int] = {}
    listed = [
        [part.shown.start, part.shown.stop, [_listed(shape, classes) for shape in part.elements]]
        for part in parts
    ]
    return {
        "title": drawing.title,
        "width": drawing.width,
        "height": drawing.height,
        "scale": look.scale,
        "seconds": look.seconds,
        "theme": None if look.theme.name == Look.theme.name else look.theme.name,
        "captions": drawing.captions,
        "classes": list(classes),
        "groups": listed,
    }


def script() -> str:
    """Return the script, an ES module that exports `player(element, film)`."""
    return (files(__package__) / "player.js").read_text("utf-8")


def styles(drawing: Drawing) -> str:
    """Return the rules for the player and for the drawing in all themes.

    Example:
        >>> ".convpool[data-theme=dark]" in styles(Drawing(8, 8, (), ("nothing",), "nothing", 8))
        True
    """
    parts = groups(drawing, THEMES["light"])
    frame = (files(__package__) / "player.css").read_text("utf-8")
    return frame + "".join(f"{_colours(theme, parts)}\n" for theme in THEMES.values())


def _colours(theme: Theme, parts: list[Group]) -> str:
    scope = f".convpool[data-theme={theme.name}]"
    variables = {
        "paper": theme.background,
        "letters": theme.inks[Role.PLAIN].letters,
        "rule": theme.inks[Role.FAINT].stroke,
        "accent": theme.inks[Role.WINDOW].stroke,
    }
    settings = "".join(f"--{name}:{hexadecimal(value)};" for name, value in variables.items())
    return f"{scope}{{{settings}color-scheme:{theme.name}}}" + stylesheet(theme, scope, parts)


def _listed(element: Element, classes: dict[str, int]) -> list[Any]:
    kind = classes.setdefault(element.classes, len(classes))
    if isinstance(element, Letters):
        place = [round(element.x, 2), round(element.y, 2)]
        return [kind, *place, element.size, element.text]
    return [kind, element.d] if element.length is None else [kind, element.d, element.length]
