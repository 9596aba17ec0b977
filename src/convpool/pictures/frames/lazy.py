"""A sequence whose items are made when they are asked for: thousands of frames cost no memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

Item = TypeVar("Item")


@dataclass(frozen=True, eq=False)
class Lazy(Sequence[Item]):
    """The items `make(n)` for each n of a range.

    Example:
        >>> squares = Lazy(range(10), lambda n: n * n)
        >>> len(squares), squares[3], list(squares[2:4]), squares[-1]
        (10, 9, [4, 9], 81)
    """

    numbers: range
    make: Callable[[int], Item]

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Item: ...

    @overload
    def __getitem__(self, place: slice) -> "Lazy[Item]": ...

    def __getitem__(self, place: int | slice) -> "Item | Lazy[Item]":
        if isinstance(place, slice):
            return Lazy(self.numbers[place], self.make)
        return self.make(self.numbers[place])
