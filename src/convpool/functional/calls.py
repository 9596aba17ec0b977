"""A call's plan: all that depends on the layer and on the input's shape and type, found out once.

Building a layer from a call's arguments, checking shapes and choosing an operator take ten times
longer than a small layer itself. So they are kept: a layer by the arguments that it was built from,
and a `Call` by the input's shape and type. What isn't kept takes the slow way, and that alone says
what is an error.
"""

from collections.abc import Callable, Hashable, Mapping
from operator import is_
from types import NoneType
from typing import Any, cast

import numpy as np

from convpool.arithmetic import Shape, output_shape
from convpool.dispatch import plan
from convpool.functional.arrays import (
    COMPARED,
    SUMMED,
    Array,
    check_array,
    check_like,
    check_sequence,
    ready,
)
from convpool.functional.outputs import check_out, is_in_order
from convpool.request import Operator, Prompt
from convpool.spec import ConvolutionSpec, LayerSpec, MaxPool2dSpec, MaxUnpool2dSpec
from convpool.spec.arguments import whole

_MOST_CALLS = 4096
_MOST_LAYERS = 1024
_SCALARS = frozenset({int, bool, str, NoneType})
_INTS = frozenset({int})
_NO_OPTIONS: Mapping[str, Any] = {}


class Call:
    """What is known of the calls of a layer on inputs of one shape and element type."""

    __slots__ = ("dtype", "is_single", "operator", "output_shape", "packed")

    def __init__(self, operator: Operator, output_shape: Shape, dtype: np.dtype[Any]) -> None:
        self.operator = operator
        self.output_shape = output_shape
        """(N, C, OH, OW), or (C, OH, OW) for one image."""
        self.dtype = dtype
        """The element type, in this machine's byte order."""
        self.is_single = len(output_shape) == 3
        self.packed: object = None
        """In bound layers, the weights as the operator takes them, once it packed them."""

    def prompt(self, shape: Shape, *arrays: Array | None) -> Prompt | None:
        """Return the operator's call of arrays like these at once, if it has one.

        `shape` is the result's. The arrays were checked, but for their order in memory.
        """
        make = getattr(self.operator, "prompt", None)
        if make is None:
            return None
        for array in arrays:
            if array is not None and not (array.flags.c_contiguous and array.dtype.isnative):
                return None
        prompt: Prompt | None = make(shape, 1 if self.is_single else shape[0])
        return prompt

    def batch(self, image: Array) -> Array:
        """Return images (N, C, H, W) for those or for the one image of this call."""
        return image[None] if self.is_single else image

    def fit(self, argument: str, array: Array, shape: Shape) -> Array:
        """Return an array of this call's element type and a shape as the operator takes it."""
        if (
            type(array) is np.ndarray
            and array.dtype == self.dtype
            and array.shape == shape
            and array.flags.aligned
        ):
            return array
        return ready(check_like(argument, array, self.dtype, shape))

    def carry_out(
        self,
        run: Callable[..., Any],
        arrays: tuple[Any, ...],
        out: Array | None,
        apart: tuple[Array | None, ...],
        options: Mapping[str, Any] = _NO_OPTIONS,
    ) -> Any:
        """Run on ready arrays, of which the images are a batch, and return what the caller gets.

        `apart` are the caller's arrays, whose memory must not be that of `out`.
        """
        if out is None:
            result = run(*arrays, **options)
            if not self.is_single:
                return result
            return tuple(array[0] for array in result) if type(result) is tuple else result[0]
        check_out(out, self.output_shape, self.dtype, apart)
        target = self.batch(np.asarray(out))
        if is_in_order(target):
            run(*arrays, out=target, **options)
        else:
            target[...] = run(*arrays, **options)
        return out


class Calls:
    """A layer and its calls so far."""

    def __init__(self, layer: LayerSpec, dtypes: tuple[str, ...] | None = None) -> None:
        self.layer = layer
        self.weight_shape, self.bias_shape = _parameter_shapes(layer)
        compares = isinstance(layer, MaxPool2dSpec | MaxUnpool2dSpec)
        self._dtypes = dtypes or (COMPARED if compares else SUMMED)
        self.name = _OPERATIONS[layer.name]
        """What its function is called, and its gradients' begin with."""
        self._operation = operation(layer)
        self._kept: dict[tuple[Hashable, ...], Call] = {}
        self.offers = True
        """Whether one of the calls so far may have a prompt."""
        self.prompts: dict[Hashable, Prompt | None] = {}
        """By the shapes, strides and types of all arrays, or the tensors' ones; None is none."""
        self._met: set[Hashable] = set()

    def of(self, input: Array) -> Call:
        """Return the call of an input (N, C, H, W) or (C, H, W).

        Raises:
            ArgumentError, ArgumentTypeError, DtypeError: the layer can't take it.
        """
        if type(input) is np.ndarray:
            call = self._kept.get((input.shape, input.dtype))
            if call is not None:
                return call
        return self._found_out(input)

    def _found_out(self, input: Array) -> Call:
        check_array("input", input, self._dtypes)
        call = self._planned(self._operation, input.shape, input.dtype)
        is_small = getattr(call.operator, "prompt", None) is not None
        self.offers = is_small or (self.offers and bool(self._kept))
        if type(input) is np.ndarray:
            self._keep((input.shape, input.dtype), call)
        return call

    def gradient(self, operation: str, shape: Shape, argument: str, array: Array) -> Call:
        """Return the call of a gradient; its `output_shape` is that of the forward output.

        Args:
            operation: the gradient's, such as "conv2d_input".
            shape: (N, C, H, W) or (C, H, W) of the forward input, from `Array.shape` or `exact`.
            argument: what the caller calls `array`.
            array: one of the arrays, whose element type the call has.

        Raises:
            ArgumentError, ArgumentTypeError, DtypeError: there is no such gradient.
        """
        if type(array) is np.ndarray:
            call = self._kept.get((operation, shape, array.dtype))
            if call is not None:
                return call
        check_array(argument, array, tuple(kind for kind in self._dtypes if kind != "bool"))
        of = "input" if argument == "input" else "input_size"
        call = self._planned(operation, shape, array.dtype, of)
        if type(array) is np.ndarray:
            self._keep((operation, shape, array.dtype), call)
        return call

    def _planned(
        self, operation: str, shape: Shape, dtype: np.dtype[Any], argument: str = "input"
    ) -> Call:
        made, native = output_shape(self.layer, shape, argument), dtype.newbyteorder("=")
        return Call(plan(operation, self.layer, shape[-3:], native.name).run, made, native)

    def asks_for(self, key: Hashable) -> bool:
        """Tell whether a prompt should be looked for: it wasn't, and calls like this came before.

        To compile one takes 0.2 s, which a single call needn't wait for.
        """
        if key in self.prompts:
            return False
        if key in self._met:
            return True
        if len(self._met) >= _MOST_CALLS:
            self._met.clear()
        self._met.add(key)
        return False

    def remember(self, key: Hashable, prompt: Prompt | None) -> None:
        """Keep what takes arrays like these at once, or that there is nothing."""
        if len(self.prompts) >= _MOST_CALLS:
            self.prompts.clear()
        self.prompts[key] = prompt

    def _keep(self, key: tuple[Hashable, ...], call: Call) -> None:
        if len(self._kept) >= _MOST_CALLS:
            self._kept.clear()
        self._kept[key] = call


def remembered(
    build: Callable[..., LayerSpec], *, from_exact: bool = False
) -> Callable[..., Calls]:
    """Return a function that builds a layer from its arguments and keeps it, with its calls.

    `from_exact` says that the first argument is an array's shape, a number of ours, or a layer.
    """
    kept: dict[tuple[Any, ...], tuple[tuple[Any, ...], Calls]] = {}
    _CACHES.append(kept.clear)
    first = int(from_exact)

    # (1, 1) and (True, 1.0) are equal and hash alike, though only one of them is a stride. So what
    # was found is taken only for the same objects, which numbers and a module's tuples most often
    # are, or if all types are plain, down to the numbers in pairs (1 us).
    def found(*arguments: Any) -> Calls:
        try:
            known = kept.get(arguments)
        except TypeError:  # a list
            return Calls(build(*arguments))
        own = arguments[first:]
        if known is not None and all(map(is_, own, known[0])):
            return known[1]
        same = known is None or all(map(is_, map(type, own), map(type, known[0])))
        if not same or not all(map(_is_exact, own)):
            return Calls(build(*arguments))
        calls = Calls(build(*arguments)) if known is None else known[1]
        if len(kept) >= _MOST_LAYERS:
            kept.clear()
        kept[arguments] = own, calls
        return calls

    return found


def exact(argument: str, size: object) -> Shape:
    """Return a shape that a caller gave, as a tuple of ints."""
    if isinstance(size, tuple) and _INTS.issuperset(map(type, size)) and min(size, default=0) >= 0:
        return tuple(size)
    return tuple(whole(argument, number, minimum=0) for number in check_sequence(argument, size))


def forget() -> None:
    """Forget all layers, calls and plans, as is needed after a change of the engines."""
    for clear in _CACHES:
        clear()


def _is_exact(value: object) -> bool:
    kind = type(value)
    if kind is not tuple:
        return kind in _SCALARS
    items = cast("tuple[object, ...]", value)
    return _INTS.issuperset(map(type, items)) or all(
        type(item) is tuple and _INTS.issuperset(map(type, item)) for item in items
    )


def _parameter_shapes(layer: LayerSpec) -> tuple[Shape, Shape]:
    if isinstance(layer, ConvolutionSpec):
        return layer.weight_shape, (layer.out_channels,)
    return (), ()


def operation(layer: LayerSpec) -> str:
    """Return the name of the operation that a layer asks for."""
    if isinstance(layer, MaxPool2dSpec) and layer.return_indices:
        return "max_pool2d_with_indices"
    return _OPERATIONS[layer.name]


_OPERATIONS = {
    "Conv2d": "conv2d",
    "ConvTranspose2d": "conv_transpose2d",
    "MaxPool2d": "max_pool2d",
    "AvgPool2d": "avg_pool2d",
    "MaxUnpool2d": "max_unpool2d",
}

_CACHES: list[Callable[[], None]] = [plan.cache_clear]

calls_of = remembered(lambda layer: layer, from_exact=True)
