"""Themes: everything legible, roles apart for every eye, values in order."""

import pytest

from convpool.errors import ArgumentError
from convpool.pictures.drawing import Polygon, Role, Text
from convpool.pictures.themes import STEPS, THEMES, Colour, Theme, contrast, step, theme_named

LEGIBLE = 4.5
EVERY_THEME = pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)

# Vienot, Brettel and Mollon (1999): what red, green and blue look like without red- or green-
# sensitive cones, on linear light.
DEUTERANOPIA = ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0))
PROTANOPIA = ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0))


@EVERY_THEME
@pytest.mark.parametrize("role", Role)
def test_letters_of_a_role_are_legible_on_its_fill_and_on_the_background(
    theme: Theme, role: Role
) -> None:
    ink = theme.inks[role]
    assert contrast(ink.letters, theme.background) >= LEGIBLE
    if ink.fill is not None:
        assert contrast(ink.letters, ink.fill) >= LEGIBLE


@EVERY_THEME
def test_letters_on_every_shade_are_legible(theme: Theme) -> None:
    for number in range(STEPS):
        value = number / (STEPS - 1) * 2 - 1
        cell = Polygon(((0, 0), (8, 0), (8, 8), (0, 8)), Role.INPUT, range(1), value)
        letters = Text((4, 4), "1", 6, Role.INPUT, range(1), on_shade=value)
        fill = theme.ink(cell).fill
        assert fill is not None
        assert contrast(theme.ink(letters).letters, fill) >= LEGIBLE


@EVERY_THEME
def test_plain_letters_are_legible_on_every_fill(theme: Theme) -> None:
    for ink in theme.inks.values():
        if ink.fill is not None:
            assert contrast(theme.inks[Role.PLAIN].letters, ink.fill) >= LEGIBLE


@EVERY_THEME
def test_outlines_stand_out_from_the_background(theme: Theme) -> None:
    for role in set(Role) - {Role.FAINT, Role.PLAIN}:
        least = 3.0 if role in {Role.WINDOW, Role.TARGET, Role.CHOSEN, Role.REFUSED} else 2.0
        assert contrast(theme.inks[role].stroke, theme.background) >= least, role


@EVERY_THEME
def test_values_below_and_above_zero_differ_for_every_eye(theme: Theme) -> None:
    for matrix in (DEUTERANOPIA, PROTANOPIA):
        for away in (8, 12, 16):
            below, above = theme.scale[16 - away], theme.scale[16 + away]
            assert distance(seen(below, matrix), seen(above, matrix)) > 8 * away


@EVERY_THEME
def test_the_scale_moves_away_from_the_background_with_the_value(theme: Theme) -> None:
    zero = theme.shade(0.0)
    distances = [distance(zero, theme.shade(number / 16)) for number in range(-16, 17)]
    assert distances[:17] == sorted(distances[:17], reverse=True)
    assert distances[16:] == sorted(distances[16:])


@EVERY_THEME
def test_no_role_is_told_by_colour_alone(theme: Theme) -> None:
    """What may lie on or beside the same cells differs in dash, hatch or width too."""
    special = (
        Role.PADDING, Role.WINDOW, Role.CHOSEN, Role.UNVISITED, Role.REFUSED, Role.INPUT
    )  # fmt: skip
    forms = {
        (theme.inks[role].dash, theme.inks[role].hatch, theme.inks[role].width) for role in special
    }
    assert len(forms) == len(special)


def test_both_themes_have_every_role() -> None:
    assert {role for theme in THEMES.values() for role in theme.inks} == set(Role)
    assert all(len(theme.inks) == len(Role) for theme in THEMES.values())


def test_values_beyond_the_scale_take_its_ends() -> None:
    assert [step(value) for value in (-9.0, -float("inf"), 9.0, float("inf"))] == [0, 0, 32, 32]
    assert step(float("nan")) == step(0.0)


def test_an_unknown_theme_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(ArgumentError, match="theme is 'blue', but must be one of light, dark"):
        theme_named("blue")


def seen(colour: Colour, matrix: tuple[tuple[float, ...], ...]) -> Colour:
    linear = [(part / 255) ** 2.2 for part in colour]
    mixed = [sum(a * b for a, b in zip(row, linear, strict=True)) for row in matrix]
    red, green, blue = (round(255 * max(0.0, min(1.0, part)) ** (1 / 2.2)) for part in mixed)
    return red, green, blue


def distance(first: Colour, second: Colour) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) ** 0.5)
