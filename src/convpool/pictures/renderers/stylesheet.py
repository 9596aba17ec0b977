"""A theme as a stylesheet for the classes of `elements`.

A role is a class; beside it stand `o` (an outline only), `h` (hatching), `c` (the casing of a
line), `a` (an arrow head), `s0` to `s32` (a shade, or letters on it), `b` (bold), `st`
and `en` (text that starts or ends there).
"""

from collections.abc import Iterable, Iterator

from convpool.pictures.drawing import Role
from convpool.pictures.renderers.elements import Group, Letters, number
from convpool.pictures.themes import STEPS, Colour, Ink, Theme, hexadecimal

_COMMON = (
    "text{font-family:'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif;"
    "font-variant-numeric:tabular-nums;text-anchor:middle;white-space:pre}"
    ".b{font-weight:700}.st{text-anchor:start}.en{text-anchor:end}"
)


def stylesheet(theme: Theme, scope: str, groups: Iterable[Group]) -> str:
    """Return the rules for the classes that the groups use.

    Args:
        theme: the colours.
        scope: the selector of an element; the rules hold for what is in it.
        groups: what is to be styled.

    Example:
        >>> from convpool.pictures.themes import THEMES
        >>> rules = stylesheet(THEMES["light"], ".light", [])
        >>> "text-anchor:middle" in rules, "path" in rules
        (True, False)
    """
    paths, letters = _classes(groups)
    rules = [f"{scope} {rule}}}" for rule in _COMMON.split("}") if rule]
    for role in Role:
        if role.value in paths:
            start = f"{scope} path.{role.value}"
            rules += [start + rule for rule in _path_rules(theme.inks[role], theme.background)]
        if role.value in letters:
            colour = hexadecimal(theme.inks[role].letters)
            rules.append(f"{scope} text.{role.value}{{fill:{colour}}}")
    for number_ in range(STEPS):
        if f"s{number_}" in paths:
            rules.append(f"{scope} path.s{number_}{{fill:{hexadecimal(theme.scale[number_])}}}")
        if f"s{number_}" in letters:
            colour = hexadecimal(theme.letters_on_scale[number_])
            rules.append(f"{scope} text.s{number_}{{fill:{colour}}}")
    return "".join(rules)


def _path_rules(ink: Ink, paper: Colour) -> Iterator[str]:
    stroke = hexadecimal(ink.stroke)
    fill = "none" if ink.fill is None else hexadecimal(ink.fill)
    dash = ""
    if ink.dash:
        pattern = " ".join(map(number, ink.dash))
        dash = f";stroke-dasharray:{pattern};stroke-dashoffset:{number(ink.dash[0] / 2)}"
    yield f"{{fill:{fill};stroke:{stroke};stroke-width:{number(ink.filled_width)}{dash}}}"
    yield f".o{{fill:none;stroke-width:{number(ink.width)}}}"
    yield f".a{{fill:{stroke};stroke:none}}"
    if ink.hatch:
        colour = hexadecimal(ink.hatching)
        yield f".h{{fill:none;stroke:{colour};stroke-width:1;stroke-dasharray:none}}"
    if ink.casing:
        width = number(ink.width + 2 * ink.casing)
        yield f".c{{fill:none;stroke:{hexadecimal(paper)};stroke-width:{width}}}"


def _classes(groups: Iterable[Group]) -> tuple[set[str], set[str]]:
    """The classes of paths and those of letters."""
    paths: set[str] = set()
    letters: set[str] = set()
    for group in groups:
        for element in group.elements:
            kind = letters if isinstance(element, Letters) else paths
            kind.update(element.classes.split())
    return paths, letters
