"""Parts of a picture: each knows its size before it is drawn, so that parts can be put together.

A film's frames are made when they are asked for, so a picture goes through them once: every part
is told each frame as it comes, and in the end what stays for many of them.
"""

from dataclasses import dataclass, field
from typing import Protocol

from convpool.pictures.drawing import Point
from convpool.pictures.frames import Film, Frame, Place
from convpool.pictures.views.canvas import Canvas
from convpool.pictures.views.layers import channels_read

GAP = 22.0
"""Pixels between parts."""


@dataclass(frozen=True, slots=True)
class Spans:
    """When things of a film happen, in numbers of frames.

    Args:
        film: whose frames they are.
        channels: for each output channel that occurs, the frames in which it is written.
        written: for each output cell the frame in which it is complete.
    """

    film: Film
    channels: dict[int, range] = field(default_factory=dict)
    written: dict[Place, int] = field(default_factory=dict)

    @property
    def always(self) -> range:
        """All frames."""
        return range(len(self.film.frames))

    def read(self, slot: int) -> dict[int, range]:
        """Return when each input channel is the n-th of those that are read, n being `slot`."""
        when: dict[int, range] = {}
        for target, shown in self.channels.items():
            channel = channels_read(self.film, target)[slot]
            when[channel] = range(when.get(channel, shown).start, shown.stop)
        return when

    def since(self, target: Place) -> int | None:
        """Return the frame since which an output cell is there, None if none is shown.

        Where a film begins in the middle, what lies before its first cell is there from the start.
        """
        first = next(iter(self.written), target)
        return 0 if target < first else self.written.get(target)

    def see(self, number: int, frame: Frame) -> None:
        """Take note of a frame; they come in their order."""
        channel = frame.target[0]
        first = self.channels.get(channel, range(number, number)).start
        self.channels[channel] = range(first, number + 1)
        self.written[frame.target] = number


class Part(Protocol):
    """A part of a picture, of known size, wherever it is put."""

    @property
    def width(self) -> float:
        """In pixels."""
        ...

    @property
    def height(self) -> float:
        """In pixels."""
        ...

    @property
    def side(self) -> float:
        """Of its cells, in pixels."""
        ...

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Draw what is there in one frame, the part's upper left corner being `at`."""
        ...

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw what is there in many frames."""
        ...


@dataclass(frozen=True, slots=True)
class Beside:
    """Parts side by side.

    Args:
        parts: from left to right.
        gap: pixels between them.
    """

    parts: tuple[Part, ...]
    gap: float = GAP

    @property
    def width(self) -> float:
        """In pixels."""
        return sum(part.width for part in self.parts) + self.gap * (len(self.parts) - 1)

    @property
    def height(self) -> float:
        """In pixels."""
        return max(part.height for part in self.parts)

    @property
    def side(self) -> float:
        """Of the smallest cells."""
        return min(part.side for part in self.parts)

    def places(self, at: Point) -> list[tuple[Part, Point]]:
        """Return each part with its upper left corner."""
        (x, y), placed = at, list[tuple[Part, Point]]()
        for part in self.parts:
            placed.append((part, (x, y)))
            x += part.width + self.gap
        return placed

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Draw what is there in one frame."""
        for part, place in self.places(at):
            part.move(canvas, place, number, frame)

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw what is there in many frames."""
        for part, place in self.places(at):
            part.stay(canvas, place, spans)


@dataclass(frozen=True, slots=True)
class Beneath:
    """Parts one beneath the other.

    Args:
        parts: from above.
        gap: pixels between them.
        middle: whether their middles are in line, else their left edges.
    """

    parts: tuple[Part, ...]
    gap: float = GAP
    middle: bool = True

    @property
    def width(self) -> float:
        """In pixels."""
        return max(part.width for part in self.parts)

    @property
    def height(self) -> float:
        """In pixels."""
        return sum(part.height for part in self.parts) + self.gap * (len(self.parts) - 1)

    @property
    def side(self) -> float:
        """Of the smallest cells."""
        return min(part.side for part in self.parts)

    def places(self, at: Point) -> list[tuple[Part, Point]]:
        """Return each part with its upper left corner."""
        (x, y), width, placed = at, self.width, list[tuple[Part, Point]]()
        for part in self.parts:
            placed.append((part, (x + (width - part.width) / 2 * self.middle, y)))
            y += part.height + self.gap
        return placed

    def move(self, canvas: Canvas, at: Point, number: int, frame: Frame) -> None:
        """Draw what is there in one frame."""
        for part, place in self.places(at):
            part.move(canvas, place, number, frame)

    def stay(self, canvas: Canvas, at: Point, spans: Spans) -> None:
        """Draw what is there in many frames."""
        for part, place in self.places(at):
            part.stay(canvas, place, spans)
