"""Convolutions and norms that follow each other in training, as one `autograd.Function`.

A step of ResNet-20 on 64 images spent 19 of 66 ms between its kernels, since their numbers put
Python's and PyTorch's code out of the second cache; now it is 13 of 60. Here no tensor is made,
checked or recorded between two layers, and what a tensor's readers return as its gradient is added
up at once.

A segment is a list of steps. Images are known by numbers: those that are given come first, then
what each step makes; parameters by those among the parameters.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, from_numpy

from convpool.bridge.gradients import Gradients, SingleLevel
from convpool.bridge.library import call
from convpool.bridge.operators import numbers
from convpool.bridge.recording import arrays_seen
from convpool.bridge.tensors import Array
from convpool.functional.adjoints import by_bias, by_input, by_weight
from convpool.functional.apply import convolve
from convpool.functional.calls import Calls
from convpool.precisions import under
from convpool.threads import get_num_threads, using

Slopes = dict[int, Array]
"""Gradients by number, as far as they are known: images' first, then parameters'."""


class Known(NamedTuple):
    """What gradients are made of."""

    images: list[Any]
    """None for those that no gradient needs."""
    parameters: list[Array]
    moments: list[Any]
    """What each step remembers."""
    given: int
    """How many images were given: the next one is what the first step makes."""
    wanted: set[int]
    """By what gradients are wanted, as numbers of `Slopes`."""


class Convolution(NamedTuple):
    """A step that convolves."""

    calls: Calls
    precision: str | None
    input: int
    weight: int
    bias: int | None

    @property
    def read(self) -> tuple[int, ...]:
        """The images that it reads."""
        return (self.input,)

    @property
    def needed(self) -> tuple[int, ...]:
        """The images that its gradient needs, but for what it makes."""
        return self.read

    @property
    def learns(self) -> tuple[int, ...]:
        """The parameters that it reads."""
        return (self.weight,) if self.bias is None else (self.weight, self.bias)

    @property
    def needs_made(self) -> bool:
        """Whether its gradient needs what it makes."""
        return False

    def forward(
        self, images: list[Array], parameters: list[Array], _: list[Array]
    ) -> tuple[Array, Any]:
        """Return the images that it makes, and what it remembers."""
        bias = None if self.bias is None else parameters[self.bias]
        arrays = images[self.input], parameters[self.weight], bias
        return under(self.precision, convolve, self.calls, *arrays, often=True), None

    def backward(self, given: Array, known: Known, slopes: Slopes, _: int) -> None:
        """Add the gradients of what it reads."""
        images, weight = known.images[self.input], known.parameters[self.weight]
        first, run = len(known.images), partial(under, self.precision)
        if self.input in known.wanted:
            before = slopes.get(self.input)  # of the image's other readers
            made = run(by_input, self.calls, images.shape, weight, given, before)
            slopes[self.input] = made
        if first + self.weight in known.wanted:
            _add(slopes, first + self.weight, run(by_weight, self.calls, images, given))
        if self.bias is not None and first + self.bias in known.wanted:
            _add(slopes, first + self.bias, by_bias(given))

    def by_operator(self, images: list[Tensor], parameters: list[Tensor]) -> Tensor:
        """Return what it makes, by operators that are differentiable to any order."""
        bias = None if self.bias is None else parameters[self.bias]
        layer = *numbers(self.calls.layer), self.precision
        made: Tensor = call(
            self.calls.name, images[self.input], parameters[self.weight], bias, *layer
        )
        return made


class Norm(NamedTuple):
    """A step that normalises, and perhaps takes a ReLU, before which a residual may be added."""

    input: int
    residual: int | None
    weight: int
    bias: int
    eps: float
    running: int
    """Where the running mean is among the running numbers; the variance comes after it."""
    momentum: float
    rectifies: bool

    @property
    def read(self) -> tuple[int, ...]:
        """The images that it reads."""
        return (self.input,) if self.residual is None else (self.input, self.residual)

    @property
    def needed(self) -> tuple[int, ...]:
        """The images that its gradient needs, but for what it makes."""
        return (self.input,)

    @property
    def learns(self) -> tuple[int, ...]:
        """The parameters that it reads."""
        return self.weight, self.bias

    @property
    def needs_made(self) -> bool:
        """Whether its gradient needs what it makes."""
        return self.residual is not None

    @property
    def _after(self) -> int:
        return int(self.rectifies) + (self.residual is not None)

    def forward(
        self, images: list[Array], parameters: list[Array], running: list[Array]
    ) -> tuple[Array, Any]:
        """Return the images that it makes, and the moments."""
        own, *added = (images[number] for number in self.read)
        moments = np.empty((2, own.shape[1]))
        learnt = parameters[self.weight], parameters[self.bias]
        mean, variance = running[self.running : self.running + 2]
        rest = self.eps, moments, (mean, variance, self.momentum), self._after, *added
        return _kernels().normalize(own, *learnt, *rest), moments

    def backward(self, given: Array, known: Known, slopes: Slopes, number: int) -> None:
        """Add the gradients of what it reads."""
        first, own = len(known.images), known.images[self.input]
        learnt = known.parameters[self.weight], known.parameters[self.bias]
        moments = known.moments[number - known.given]
        made = known.images[number] if self.needs_made else None
        found = _kernels().gradients(
            np.ascontiguousarray(given), own, learnt, self.eps, moments, self._after, made
        )
        places = self.input, first + self.weight, first + self.bias, *self.read[1:]
        for place, slope in zip(places, found, strict=True):
            if place in known.wanted:
                _add(slopes, place, slope)

    def by_operator(self, images: list[Tensor], parameters: list[Tensor]) -> Tensor:
        """Return what it makes, by operators that are differentiable to any order."""
        own, *added = (images[number] for number in self.read)
        learnt = parameters[self.weight], parameters[self.bias]
        output = torch.nn.functional.batch_norm(own, None, None, *learnt, True, 0.0, self.eps)
        for residual in added:
            output = output + residual
        return torch.relu(output) if self.rectifies else output


class Padded(NamedTuple):
    """A step that pads with zeros what slices take of images: a shortcut without weights."""

    input: int
    key: tuple[slice, ...]
    pads: tuple[int, ...]
    """As `torch.nn.functional.pad` has them."""

    @property
    def read(self) -> tuple[int, ...]:
        """The images that it reads."""
        return (self.input,)

    @property
    def needed(self) -> tuple[int, ...]:
        """The images that its gradient needs, but for what it makes."""
        return ()

    @property
    def learns(self) -> tuple[int, ...]:
        """The parameters that it reads."""
        return ()

    @property
    def needs_made(self) -> bool:
        """Whether its gradient needs what it makes."""
        return False

    def shape(self, images: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of what it makes of images of a shape."""
        taken = np.broadcast_to(np.empty(()), images)[self.key].shape
        before, after = self._around(len(taken))
        return tuple(map(sum, zip(before, taken, after, strict=True)))

    def _around(self, count: int) -> tuple[list[int], list[int]]:
        """Return the zeros before and after each of so many axes."""
        missing = [0] * (count - len(self.pads) // 2)
        return [*missing, *self.pads[-2::-2]], [*missing, *self.pads[-1::-2]]

    def _within(self, made: Tensor) -> Tensor:
        """Return what lies within the zeros."""
        before, after = self._around(made.ndim)
        sizes = zip(before, after, made.shape, strict=True)
        return made[tuple(slice(first, size - last) for first, last, size in sizes)]

    def forward(
        self, images: list[Array], _: list[Array], __: list[Array]
    ) -> tuple[Array, tuple[int, ...]]:
        """Return the images that it makes, and the shape of those that it reads."""
        own = images[self.input]
        made = _memory().empty(self.shape(own.shape), own.dtype)
        target = from_numpy(made)
        if any(self.pads):
            target.zero_()
        self._within(target).copy_(from_numpy(own)[self.key])
        return made, own.shape

    def backward(self, given: Array, known: Known, slopes: Slopes, number: int) -> None:
        """Add the gradient of what it reads."""
        by_images = _memory().empty(known.moments[number - known.given], given.dtype)
        target = from_numpy(by_images).zero_()
        target[self.key] = self._within(from_numpy(given))
        _add(slopes, self.input, by_images)

    def by_operator(self, images: list[Tensor], _: list[Tensor]) -> Tensor:
        """Return what it makes, by operators that are differentiable to any order."""
        return torch.nn.functional.pad(images[self.input][self.key], self.pads)


Step = Convolution | Norm | Padded


class Segment(SingleLevel):
    """Steps that follow each other.

    It is applied to them; to the numbers of the images that it returns; to the arrays of images and
    parameters, those of running numbers, and how many images there are; and to the tensors.
    """

    @staticmethod
    def forward(ctx: Any, steps: Sequence[Step], returned: Sequence[int], *rest: Any) -> Any:
        """Return the images with those numbers."""
        (arrays, running, given), *tensors = rest
        images, parameters = arrays[:given], arrays[given:]
        ctx.moments = _on_threads(_forward, steps, images, parameters, running)
        ctx.steps, ctx.returned, ctx.given = steps, returned, given
        results = {number: from_numpy(images[number]) for number in returned}
        needed = {number for step in steps for number in step.needed if number >= given}
        needed |= {number for number, step in enumerate(steps, given) if step.needs_made}
        ctx.kept, ctx.arguments = tuple(needed), len(tensors)
        kept = (results[each] if each in results else from_numpy(images[each]) for each in needed)
        ctx.save_for_backward(*tensors, *kept)
        ctx.set_materialize_grads(False)
        return tuple(results.values())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
        """Return the gradients by images and parameters."""
        there = [gradient for gradient in gradients if gradient is not None]
        arrays = arrays_seen(*ctx.saved_tensors, *there)
        if arrays is None or any(each.dtype != torch.float32 for each in there):
            return (*_NONE, *_by_operators(ctx, gradients))
        given, first = ctx.given, ctx.given + len(ctx.steps)
        images: list[Any] = arrays[:given] + [None] * len(ctx.steps)
        for number, array in zip(ctx.kept, arrays[ctx.arguments :], strict=False):
            images[number] = array
        places = [*range(given), *range(first, first + ctx.arguments - given)]
        wants = ctx.needs_input_grad[len(_NONE) :]
        own: list[Any] = [
            place if wish else None for place, wish in zip(places, wants, strict=True)
        ]
        wanted = _with_those_between(ctx.steps, given, set(own))
        parameters = arrays[given : ctx.arguments]
        slopes = {
            number: gradient.numpy(force=True)
            for number, gradient in zip(ctx.returned, gradients, strict=True)
            if gradient is not None
        }
        known = Known(images, parameters, ctx.moments, given, wanted)
        _on_threads(_backward, ctx.steps, known, slopes)
        found = (slopes.get(place) for place in own)
        return (*_NONE, *(None if slope is None else from_numpy(slope) for slope in found))


_NONE = (None,) * 3
"""The gradients by what isn't a tensor."""


def _forward(
    steps: Sequence[Step], images: list[Array], parameters: list[Array], running: list[Array]
) -> list[Any]:
    """Add to the images what each step makes, and return what the steps remember."""
    moments = []
    for step in steps:
        made, remembered = step.forward(images, parameters, running)
        images.append(made)
        moments.append(remembered)
    return moments


def _backward(steps: Sequence[Step], known: Known, slopes: Slopes) -> None:
    """Add to the gradients by some of the images those by all others, and by parameters."""
    for number in range(len(known.images) - 1, known.given - 1, -1):
        slope = slopes.pop(number, None)
        if slope is not None:
            steps[number - known.given].backward(slope, known, slopes, number)


def _with_those_between(steps: Sequence[Step], given: int, wanted: set[int]) -> set[int]:
    """Return the numbers of what is wanted, and of the images between that and the end."""
    first = given + len(steps)
    for number, step in enumerate(steps, given):
        if any(each in wanted for each in (*step.read, *(first + each for each in step.learns))):
            wanted.add(number)
    return wanted


def _by_operators(ctx: Any, gradients: Sequence[Tensor | None]) -> Gradients:
    """Return the gradients by operators of the dispatcher, for whoever wants to see them."""
    tensors = ctx.saved_tensors[: ctx.arguments]
    images, parameters = list(tensors[: ctx.given]), list(tensors[ctx.given :])
    wants = ctx.needs_input_grad[len(_NONE) :]
    wanted = [tensor for tensor, wish in zip(tensors, wants, strict=True) if wish]
    twice = torch.is_grad_enabled()
    with torch.enable_grad():
        for step in ctx.steps:
            images.append(step.by_operator(images, parameters))
    outputs = [images[number] for number in ctx.returned]
    pairs = [pair for pair in zip(outputs, gradients, strict=True) if pair[1] is not None]
    ends, slopes = [output for output, _ in pairs], [slope for _, slope in pairs]
    made = torch.autograd.grad(ends, wanted, slopes, create_graph=twice, allow_unused=True)
    found = iter(made)
    return tuple(next(found) if wish else None for wish in wants)


def _add(slopes: Slopes, number: int, slope: Array) -> None:
    """Add a new array to the gradient by what has a number."""
    before = slopes.get(number)
    if before is not None:
        from_numpy(slope).add_(from_numpy(before))  # by threads
    slopes[number] = slope


def _on_threads(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a function returns with as many threads as PyTorch would use."""
    count = torch.get_num_threads()
    if count == get_num_threads():
        return function(*arguments)
    return using(count, function, *arguments)


@cache
def _memory() -> Any:
    """Return the module of the kernels' memory."""
    return import_module("convpool.kernels.memory")


@cache
def _kernels() -> Any:
    """Return the module of the norm's kernels, with which Numba is imported."""
    return import_module("convpool.kernels.batch_norm")
