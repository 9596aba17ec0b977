"""The size rules against windows and stamps that are put down one by one."""

from hypothesis import assume, example, given

from convpool.arithmetic import Stamp, Window
from tests.drawing import assert_evaluates, evaluated, stamps, windows


def windows_taken(axis: Window) -> list[range]:
    """The tap positions of every window that the rules in words take.

    Windows start at the near padding, a stride apart, and are taken if they lie in the padded
    input. With ceil_mode one more is, if it overhangs by less than a stride and starts in the input
    or in the padding before it.
    """
    taken = []
    end = axis.size + axis.after
    for start in range(-axis.before, end, axis.stride):
        taps = range(start, start + axis.dilation * axis.kernel, axis.dilation)
        overhang = taps[-1] + 1 - end
        if overhang <= 0 or (axis.ceil_mode and overhang < axis.stride and start < axis.size):
            taken.append(taps)
    return taken


def stamped(axis: Stamp) -> list[range]:
    """For each input pixel the output positions of its stamp's taps, the crop taken off."""
    starts = range(-axis.before, axis.size * axis.stride - axis.before, axis.stride)
    return [range(at, at + axis.dilation * axis.kernel, axis.dilation) for at in starts]


@given(windows())
@example(Window(size=2, kernel=3, stride=2, ceil_mode=True))  # only the overhanging one
@example(Window(size=5, kernel=2, stride=3, before=1, after=1, ceil_mode=True))  # dropped
@example(Window(size=1, kernel=5, stride=9, before=2, after=2, dilation=2))  # none
def test_a_window_layer_has_an_output_for_each_window_taken(axis: Window) -> None:
    taken = windows_taken(axis)
    assert max(axis.output, 0) == len(taken)
    for window, taps in enumerate(taken):
        assert [axis.position(window, tap) for tap in range(axis.kernel)] == list(taps)


@given(windows())
def test_covering_names_the_windows_whose_tap_is_on_the_input(axis: Window) -> None:
    taken = windows_taken(axis)
    for tap in range(axis.kernel):
        covering = [w for w, taps in enumerate(taken) if 0 <= taps[tap] < axis.size]
        assert list(axis.inside(tap)) == covering


@given(windows(pooling=True))
@example(Window(size=1, kernel=2, before=1, after=1, dilation=3))  # steps over the input
def test_first_cell_and_touches(axis: Window) -> None:
    for window, taps in enumerate(windows_taken(axis)):
        on_input = [cell for cell in taps if 0 <= cell < axis.size]
        assert axis.touches(window) == bool(on_input)
        if on_input:
            assert axis.first_cell(window) == on_input[0]
        else:
            assert axis.first_cell(window) >= axis.size


@given(windows(pooling=True, dilated=False))
def test_cells_of_an_average(axis: Window) -> None:
    for window, taps in enumerate(windows_taken(axis)):
        on_input = [cell for cell in taps if 0 <= cell < axis.size]
        in_padded = [cell for cell in taps if cell < axis.size + axis.after]
        assert axis.cells(window, with_padding=False) == len(on_input) > 0
        assert axis.cells(window, with_padding=True) == len(in_padded)


@given(stamps())
def test_a_stamp_layer_is_as_long_as_its_stamps_less_the_crop(axis: Stamp) -> None:
    """The canvas ends with the last stamp and output_padding, and is cropped on both sides."""
    all_stamps = stamped(axis)
    first, last = all_stamps[0][0], all_stamps[-1][-1]
    assert axis.output == last + 1 - first + axis.extra - axis.before - axis.after
    for pixel, taps in enumerate(all_stamps):
        assert [axis.position(pixel, tap) for tap in range(axis.kernel)] == list(taps)
    for tap in range(axis.kernel):
        landing = [i for i, taps in enumerate(all_stamps) if 0 <= taps[tap] < axis.output]
        assert list(axis.inside(tap)) == landing


@given(windows(pooling=True))
@example(Window(size=5, kernel=2, stride=3, before=1, after=1, ceil_mode=True))
def test_the_formula_of_a_window_evaluates_to_its_result(axis: Window) -> None:
    size, _, remark = axis.formula.partition("; ")
    assert_evaluates(size)
    stated = int(size.rpartition(" = ")[2])
    if not axis.ceil_mode:
        assert stated == axis.output
        assert not remark
        return
    assume(axis.output >= 1)
    starts = [taps[0] for taps in windows_taken(axis)]
    claim, _, comparison = remark.rpartition(": ")
    assert_evaluates(comparison.split(" < ")[0].split(" >= ")[0])
    if stated == axis.output:
        place = "the input" if starts[-1] >= 0 else "the padding before the input"
        assert claim == f"the last window starts in {place}"
        last, edge = comparison.split(" = ")[1].split(" < ")
        assert evaluated(last) < evaluated(edge)
    else:
        assert stated == axis.output + 1
        assert claim == f"less 1 = {axis.output}, since the last window would start in the padding"
        last, edge = comparison.split(" = ")[1].split(" >= ")
        assert evaluated(last) >= evaluated(edge)
    # Both sides of the comparison are counted from the start of the padding.
    assert evaluated(last) == (stated - 1) * axis.stride
    assert evaluated(edge) == axis.before + axis.size


@given(stamps())
def test_the_formula_of_a_stamp_evaluates_to_its_result(axis: Stamp) -> None:
    assert_evaluates(axis.formula)
    assert axis.formula.endswith(f" = {axis.output}")


@given(windows())
def test_the_rule_in_symbols_is_the_rule(axis: Window) -> None:
    assert _in_symbols(axis, axis.rule) == axis.rounded


@given(stamps())
def test_the_rule_of_a_stamp_in_symbols_is_the_rule(axis: Stamp) -> None:
    assert _in_symbols(axis, axis.rule.replace("output_padding", str(axis.extra))) == axis.output


def _in_symbols(axis: Window | Stamp, rule: str) -> int:
    numbers = {
        "p_lo": axis.before,
        "p_hi": axis.after,
        "i": axis.size,
        "k": axis.kernel,
        "s": axis.stride,
        "d": axis.dilation,
    }
    return int(eval(rule.replace("/", "//"), {"floor": int, **numbers}))
