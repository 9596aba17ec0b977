"""The size rules, one axis at a time: the only place in the package where they are written.

`Window` is the rule of every layer whose output pixel looks at a window of the input (convolution,
max and average pooling), `Stamp` that of every layer whose input pixel stamps a window of the
output (transposed convolution, unpooling). Kernels, frames, costs and tables all ask these two.

The rules are PyTorch's (documentation of `Conv2d`, `ConvTranspose2d`, `MaxPool2d`), with the
padding of the two sides of an axis told apart. All numbers are exact Python ints.
"""

from dataclasses import dataclass, replace

from convpool.arithmetic.counting import clipped_sum
from convpool.spec import Conv2dSpec, StampSpec, WindowSpec
from convpool.spec.arguments import Pair


@dataclass(frozen=True)
class Axis:
    """What windows and stamps have in common: taps that join a small image to a big one.

    Tap t of pixel i of the small image meets pixel i*s - p_lo + t*d of the big one. For a window
    layer the small image is the output and the big one the input; for a stamp layer, the reverse.
    """

    size: int
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def output(self) -> int:
        """Length of the layer's output; below 1 where it has none."""
        raise NotImplementedError

    @property
    def rule(self) -> str:
        """The size rule in symbols, with those of this package's documentation."""
        raise NotImplementedError

    @property
    def equation(self) -> str:
        """The size rule with this axis's numbers put in."""
        raise NotImplementedError

    @property
    def formula(self) -> str:
        """The size rule with this axis's numbers put in, and why a window is taken or left out."""
        return self.equation

    @property
    def small(self) -> int:
        """Length of the small image."""
        raise NotImplementedError

    @property
    def big(self) -> int:
        """Length of the big image, without padding."""
        raise NotImplementedError

    @property
    def reach(self) -> int:
        """Pixels from the first to the last one under the taps, d(k-1) + 1."""
        return self.dilation * (self.kernel - 1) + 1

    def position(self, pixel: int, tap: int) -> int:
        """Return the position on the big image under a tap of a small image's pixel.

        It may lie on padding: negative, or beyond the last pixel.
        """
        return pixel * self.stride - self.before + tap * self.dilation

    def inside(self, tap: int) -> range:
        """Return the small image's pixels whose given tap lies on the big image itself.

        Example:
            >>> Window(size=5, kernel=3, stride=2, before=1, after=1).inside(tap=0)
            range(1, 3)
        """
        offset = self.position(0, tap)
        first = max(0, -(offset // self.stride))
        end = min(self.small, (self.big - 1 - offset) // self.stride + 1)
        return range(first, max(first, end))

    @property
    def products(self) -> int:
        """Number of pixels and taps that meet on the big image itself, not on padding.

        Example:
            >>> Window(size=5, kernel=3, before=1, after=1).products
            13
        """
        # Tap by tap this would take as long as the kernel is; a kernel may be 2**59 wide.
        below = [
            clipped_sum(
                count=self.kernel,
                step=self.dilation,
                # taps counted from the last, so that the terms grow
                start=end - self.position(0, self.kernel - 1) + self.stride - 1,
                divisor=self.stride,
                limit=self.small,
            )
            for end in (self.big, 0)
        ]
        return below[0] - below[1]


@dataclass(frozen=True)
class Window(Axis):
    """One axis of a layer that slides a window over its input; all lengths in pixels.

    Example:
        >>> Window(size=5, kernel=3, stride=2, before=1, after=1).output
        3
    """

    ceil_mode: bool = False

    @property
    def padded(self) -> int:
        """Length of the input with its padding."""
        return self.before + self.size + self.after

    @property
    def rounded(self) -> int:
        """Number of windows before the rule about the last one; below 1 where none fits."""
        rounding = self.stride - 1 if self.ceil_mode else 0
        return (self.padded - self.reach + rounding) // self.stride + 1

    @property
    def drops_last(self) -> bool:
        """Whether ceil_mode's extra window is refused because it would start in the far padding."""
        return self.ceil_mode and (self.rounded - 1) * self.stride >= self.size + self.before

    @property
    def output(self) -> int:
        """Number of windows, which is the length of the output; below 1 where none fits."""
        return self.rounded - self.drops_last

    @property
    def rule(self) -> str:
        """The rule in symbols, with those of this package's documentation."""
        rounding = " + (s-1)" if self.ceil_mode else ""
        return f"floor((i + p_lo + p_hi - d*(k-1) - 1{rounding}) / s) + 1"

    @property
    def equation(self) -> str:
        """The rule with this axis's numbers put in, without the reason for leaving a window out."""
        rounding = f" + ({self.stride}-1)" if self.ceil_mode else ""
        less = f"; less 1 = {self.output}" if self.drops_last else ""
        return (
            f"floor(({self.size} + {self.before} + {self.after} - {self.dilation}*({self.kernel}-1)"
            f" - 1{rounding}) / {self.stride}) + 1 = {self.rounded}{less}"
        )

    @property
    def formula(self) -> str:
        """The rule with this axis's numbers put in, as text.

        Example:
            >>> Window(size=5, kernel=3, stride=2, before=1, after=1).formula
            'floor((5 + 1 + 1 - 1*(3-1) - 1) / 2) + 1 = 3'
        """
        if not self.ceil_mode:
            return self.equation
        return f"{self.equation}{', since' if self.drops_last else ';'} {self.decision}"

    @property
    def decision(self) -> str:
        """Where the last window of ceil_mode would start, as the inequality that decides about it.

        Example:
            >>> Window(size=5, kernel=3, stride=3, ceil_mode=True).decision
            'the last window starts in the input: (2-1)*3 = 3 < 5 + 0'
        """
        if self.drops_last:
            return f"the last window would start in the padding: {self.inequality}"
        first = (self.rounded - 1) * self.stride
        place = "the input" if first >= self.before else "the padding before the input"
        return f"the last window starts in {place}: {self.inequality}"

    @property
    def inequality(self) -> str:
        """Where the last window would start, and where the input ends; both count from the padding.

        Example:
            >>> Window(size=3, kernel=2, stride=2, before=1, after=1, ceil_mode=True).inequality
            '(3-1)*2 = 4 >= 3 + 1'
        """
        first = (self.rounded - 1) * self.stride
        sign = ">=" if self.drops_last else "<"
        return f"({self.rounded}-1)*{self.stride} = {first} {sign} {self.size} + {self.before}"

    @property
    def has_extra(self) -> bool:
        """Whether ceil_mode asks for one window more than fits, be it taken or refused."""
        return self.ceil_mode and self.rounded > replace(self, ceil_mode=False).rounded

    @property
    def unread(self) -> tuple[int, ...]:
        """Positions of the padded input that no tap of any window lies on.

        Example:
            >>> Window(size=6, kernel=3, stride=2, before=1, after=1).unread
            (6,)
        """
        taps = range(self.kernel)
        read = {self.position(window, tap) for window in range(self.output) for tap in taps}
        return tuple(p for p in range(-self.before, self.size + self.after) if p not in read)

    @property
    def small(self) -> int:
        """Number of windows."""
        return self.output

    @property
    def big(self) -> int:
        """Length of the input."""
        return self.size

    def cells(self, window: int, *, with_padding: bool) -> int:
        """Return how many cells of a window count in an average (for dilation 1).

        Without padding, those on the input; with it, also those on padding, but never those that
        ceil_mode's last window has beyond the padding.

        Example:
            >>> axis = Window(size=3, kernel=2, stride=2, before=1, after=1, ceil_mode=True)
            >>> [axis.cells(window, with_padding=True) for window in range(axis.output)]
            [2, 2]
        """
        start = self.position(window, 0)
        end = start + self.kernel
        if with_padding:
            return min(end, self.size + self.after) - start
        return min(end, self.size) - max(start, 0)

    def first_cell(self, window: int) -> int:
        """Return the first input position at or after 0 that a window's taps step on.

        Where a window of widely spread taps steps over the input altogether, this lies beyond it.

        Example:
            >>> Window(size=5, kernel=3, stride=2, before=1, after=1, dilation=2).first_cell(0)
            1
        """
        start = self.position(window, 0)
        return start if start >= 0 else start % self.dilation

    def touches(self, window: int) -> bool:
        """Tell whether any tap of a window lies on the input; widely spread ones may step over it.

        Example:
            >>> Window(size=2, kernel=2, before=1, after=1, dilation=3).touches(0)
            False
        """
        return self.first_cell(window) <= min(self.size - 1, self.position(window, self.kernel - 1))


@dataclass(frozen=True)
class Stamp(Axis):
    """One axis of a layer whose input pixels stamp windows on the output; all lengths in pixels.

    `before` and `after` are cropped from the output, `extra` (output_padding) is added at its end.

    Example:
        >>> Stamp(size=3, kernel=3, stride=2, before=1, after=1, extra=1).output
        6
    """

    extra: int = 0

    @property
    def output(self) -> int:
        """Length of the output; below 1 where the crop leaves nothing."""
        full = (self.size - 1) * self.stride + self.reach + self.extra
        return full - self.before - self.after

    @property
    def rule(self) -> str:
        """The rule in symbols, with those of this package's documentation."""
        return "(i-1)*s - p_lo - p_hi + d*(k-1) + output_padding + 1"

    @property
    def equation(self) -> str:
        """The rule with this axis's numbers put in.

        Example:
            >>> Stamp(size=3, kernel=3, stride=2, before=1, after=1).equation
            '(3-1)*2 - 1 - 1 + 1*(3-1) + 0 + 1 = 5'
        """
        return (
            f"({self.size}-1)*{self.stride} - {self.before} - {self.after}"
            f" + {self.dilation}*({self.kernel}-1) + {self.extra} + 1 = {self.output}"
        )

    @property
    def small(self) -> int:
        """Length of the input."""
        return self.size

    @property
    def big(self) -> int:
        """Length of the output."""
        return self.output


def window_axes(spec: WindowSpec, plane: Pair) -> tuple[Window, Window]:
    """Return the vertical and the horizontal axis of a window layer over an input plane (H, W).

    Example:
        >>> from convpool.spec import MaxPool2dSpec
        >>> [axis.output for axis in window_axes(MaxPool2dSpec(3, ceil_mode=True), (5, 7))]
        [2, 3]
    """
    ceil_mode = not isinstance(spec, Conv2dSpec) and spec.ceil_mode
    vertical, horizontal = (
        Window(size, kernel, stride, before, after, dilation, ceil_mode)
        for size, kernel, stride, (before, after), dilation in zip(
            plane, spec.kernel_size, spec.stride, spec.pads, spec.dilation, strict=True
        )
    )
    return vertical, horizontal


def stamp_axes(spec: StampSpec, plane: Pair) -> tuple[Stamp, Stamp]:
    """Return the vertical and the horizontal axis of a stamp layer over an input plane (H, W).

    Example:
        >>> from convpool.spec import MaxUnpool2dSpec
        >>> [axis.output for axis in stamp_axes(MaxUnpool2dSpec(2), (2, 3))]
        [4, 6]
    """
    vertical, horizontal = (
        Stamp(size, kernel, stride, before, after, dilation, extra)
        for size, kernel, stride, (before, after), dilation, extra in zip(
            plane,
            spec.kernel_size,
            spec.stride,
            spec.pads,
            spec.dilation,
            spec.output_padding,
            strict=True,
        )
    )
    return vertical, horizontal
