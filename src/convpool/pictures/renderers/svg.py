"""A drawing as SVG: one frame stands still, several play by themselves, without a script.

What is there in all frames is drawn once. All else is in groups that a CSS animation makes visible
during their frames: groups shown for equally many frames share one animation and differ in its
delay. Where the reader asks for reduced motion, or the viewer knows no animations, the last frame
stands still. All is moved by half a pixel, so that thin lines at whole coordinates fill whole
pixels.
"""

from xml.sax.saxutils import escape

from convpool.pictures.drawing import Drawing
from convpool.pictures.renderers.elements import Element, Group, Letters, groups, number
from convpool.pictures.renderers.look import Look
from convpool.pictures.renderers.stylesheet import stylesheet


def svg(drawing: Drawing, look: Look) -> bytes:
    """Return the bytes of an SVG file.

    Args:
        drawing: one frame or more.
        look: its theme, the size it asks for, and the pace.

    Example:
        >>> from convpool.pictures.drawing import Role, Text
        >>> hello = Text((8, 8), "hi", 8, Role.PLAIN, range(1))
        >>> svg(Drawing(16, 16, (hello,), ("a greeting",), "hello", 8), Look())[-65:]
        b'<text class="plain" x="8" y="10.88" font-size="8">hi</text></svg>'
    """
    return svg_text(drawing, look).encode()


def svg_text(drawing: Drawing, look: Look) -> str:
    """Return the text of an SVG file, as `svg` does its bytes; it can stand within HTML too."""
    parts = groups(drawing, look.theme)
    scope = f".{look.theme.name}"
    style = stylesheet(look.theme, scope, parts) + _animations(drawing.count, parts)
    width, height = number(drawing.width), number(drawing.height)
    paper = "#{:02x}{:02x}{:02x}".format(*look.theme.background)
    return "".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{look.theme.name}" role="img" '
            f'width="{number(drawing.width * look.scale)}" '
            f'height="{number(drawing.height * look.scale)}" viewBox="-.5 -.5 {width} {height}"'
            f"{_timing(drawing.count, look)}>",
            f"<title>{escape(drawing.title)}</title>",
            f"<desc>{escape(chr(10).join(drawing.captions))}</desc>",
            f"<style>{escape(style)}</style>",
            f'<rect x="-.5" y="-.5" width="{width}" height="{height}" fill="{paper}"/>',
            *(_markup(group, drawing.count) for group in parts),
            "</svg>",
        )
    )


def _timing(count: int, look: Look) -> str:
    if count == 1:
        return ""
    return f' style="--frame:{look.seconds:g}s;--film:{look.seconds * count:g}s"'


def _animations(count: int, parts: list[Group]) -> str:
    lengths = sorted({len(part.shown) for part in parts if len(part.shown) < count})
    if not lengths:
        return ""
    frames = "".join(
        f"@keyframes k{length}-{count}{{0%{{visibility:visible}}"
        f"{100 * length / count:.6g}%,to{{visibility:hidden}}}}"
        for length in lengths
    )
    playing = "".join(f".k{length}{{animation-name:k{length}-{count}}}" for length in lengths)
    return (
        f".f{{visibility:hidden}}.v{{visibility:visible}}{frames}"
        "@media (prefers-reduced-motion:no-preference){.f{visibility:hidden;"
        "animation:var(--film) step-end calc(var(--frame)*var(--from)) infinite}"
        f"{playing}}}"
    )


def _markup(group: Group, count: int) -> str:
    inner = "".join(map(_element, group.elements))
    if len(group.shown) == count:
        return inner
    first, last = group.shown[0], group.shown[-1]
    still = " v" if last == count - 1 else ""
    return f'<g class="f{still} k{len(group.shown)}" style="--from:{first}">{inner}</g>'


def _element(element: Element) -> str:
    if isinstance(element, Letters):
        return (
            f'<text class="{element.classes}" x="{number(element.x)}" y="{number(element.y)}" '
            f'font-size="{number(element.size)}">{escape(element.text)}</text>'
        )
    length = "" if element.length is None else f' pathLength="{number(element.length)}"'
    return f'<path class="{element.classes}" d="{element.d}"{length}/>'
