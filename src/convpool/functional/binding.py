"""A layer with its weights, for whoever calls it many times: checked and packed once."""

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from convpool.errors import ArgumentError, ArgumentTypeError
from convpool.functional.apply import pool
from convpool.functional.arrays import SUMMED, Array, check_array, check_like, ready
from convpool.functional.calls import Call, Calls
from convpool.kinds import functions_for
from convpool.notation import parse_activation, parse_layer
from convpool.precisions import checked, under
from convpool.spec import Activation, ConvolutionSpec, LayerSpec, MaxUnpool2dSpec

if TYPE_CHECKING:
    from collections.abc import Hashable

    from convpool.request import ConvolutionOperator


def bind(
    layer: LayerSpec | str,
    weight: Array | None = None,
    bias: Array | None = None,
    activation: object = None,
    *,
    precision: str | None = None,
) -> "BoundConvolution | BoundPooling":
    """Return a layer that holds its weights and is called with images alone.

    The weights are checked and copied here, so later edits of the arrays change nothing: bind anew
    after a step of training. They are packed for a kernel when the first images arrive, and again
    only for images of a shape for which the kernel wants another packing. The result can be
    pickled, and called from many threads.

    PyTorch's tensors on the CPU, parameters too, are taken as well, of the element types that NumPy
    has. Whatever it was bound with, a layer called with a tensor returns a tensor. It gives no
    gradient: where one is wanted, a call is an error.

    Args:
        layer: a layer as a value or as text, such as "Conv2d(3, 64, 7, stride=2)"; a convolution,
            a transposed one, MaxPool2d or AvgPool2d.
        weight: of `layer.weight_shape`, for the convolutions.
        bias: (C_out,) of the weight's dtype, or None for none.
        activation: what follows a convolution: None, "relu", "relu6", "leaky_relu" (slope 0.01),
            ("leaky_relu", slope), or text such as "LeakyReLU(0.1)".
        precision: of a convolution: "fast" or "strict", as in `convpool.precision`; that of the
            context of each call if None.

    Returns:
        A function of images (N, C, H, W), or of one image (C, H, W), of the weight's dtype. For a
        convolution: `bound(x, out=None, residual=None)`, which computes
        activation(convolution + bias + residual); the three are arrays, or tensors.

    Raises:
        ArgumentError: a value, shape or combination cannot work (ValueError and RuntimeError).
        ArgumentTypeError: an argument is of the wrong kind (TypeError).
        DtypeError: an array's dtype doesn't fit (TypeError and NotImplementedError).

    Example:
        >>> bound = bind("Conv2d(1, 1, (1, 2))", np.array([[[[1.0, -1.0]]]]), activation="relu")
        >>> bound(np.array([[[5.0, 2.0, 4.0]]]))
        array([[[3., 0.]]])
    """
    spec = parse_layer(layer) if isinstance(layer, str) else layer
    if not isinstance(spec, LayerSpec) or isinstance(spec, MaxUnpool2dSpec):
        raise ArgumentTypeError(
            "layer", layer, "a layer that takes images alone, such as 'Conv2d(3, 64, 7)'"
        )
    weight, bias = _as_array("weight", weight), _as_array("bias", bias)
    if isinstance(spec, ConvolutionSpec):
        follows = parse_activation(activation)
        return BoundConvolution(spec, weight, bias, follows, precision=precision)
    given = {"weight": weight, "bias": bias, "activation": activation, "precision": precision}
    for argument, value in given.items():
        if value is not None:
            raise ArgumentError(argument, value, f"left out for {spec}")
    return BoundPooling(spec)


class BoundConvolution:
    """A convolution, or a transposed one, with its weights; `bind` makes it."""

    def __init__(
        self,
        layer: ConvolutionSpec,
        weight: Array | None,
        bias: Array | None,
        activation: Activation,
        *,
        precision: str | None = None,
        copies: bool = True,
    ) -> None:
        """Check and keep the arrays; `copies=False` is for those that know when theirs change."""
        if weight is None:
            raise ArgumentTypeError("weight", weight, f"an array of shape {layer.weight_shape}")
        check_array("weight", weight, SUMMED)
        check_like("weight", weight, weight.dtype, layer.weight_shape)
        if bias is not None:
            if not layer.bias:
                raise ArgumentError("bias", bias, f"left out for {layer}")
            check_like("bias", bias, weight.dtype, (layer.out_channels,))
        dtype = weight.dtype.newbyteorder("=")
        _check_activation(activation, dtype)
        self.layer = layer
        self.activation = activation
        self.precision = None if precision is None else checked("precision", precision)
        own = _own if copies else ready
        self._weight = own(weight)
        self._bias = None if bias is None else own(bias)
        self.calls = Calls(layer, (dtype.name,))
        """Those so far, which hold what was packed."""
        self._packed: dict[Hashable, object] = {}
        self._may_prompt = activation.is_identity
        """Whether what takes small arrays at once would do what this does."""

    def __call__(
        self, input: Array, out: Array | None = None, residual: Array | None = None
    ) -> Array:
        """Return activation(convolution + bias + residual).

        Args:
            input: images (N, C_in, H, W), or one image (C_in, H, W), of the weight's dtype.
            out: an array to be filled and returned instead of a new one: of the result's shape and
                dtype, aligned, apart from the other arrays.
            residual: an array of the result's shape and dtype that is added before the activation.

        Raises:
            ArgumentError, ArgumentTypeError, DtypeError: as for `functional.conv2d`.
        """
        if type(input) is not np.ndarray and (other := functions_for(input)) is not None:
            handed_on: Array = other.call_bound(self, input, out, residual)
            return handed_on
        output: Array | None
        if self._may_prompt and self.calls.offers and out is None and residual is None:
            output = self._at_once(input)
            if output is not None:
                return output
        call = self.calls.of(input)
        packed = call.packed
        if packed is None:
            packed = self._pack(call)
        operator: Any = call.operator
        run, mode = operator.run, self.precision
        if mode is not None:
            run = partial(under, mode, run)
        if out is None and residual is None and not call.is_single:  # 0.4 us less than the long way
            output = run(ready(input), packed, activation=self.activation)
            return output
        images = call.batch(ready(input))
        options: dict[str, Any] = {"activation": self.activation}
        if residual is not None:
            options["residual"] = call.batch(call.fit("residual", residual, call.output_shape))
        output = call.carry_out(run, (images, packed), out, (input, residual), options)
        return output

    def _at_once(self, input: Array) -> Array | None:
        """Return a small convolution of an array like one that came before; else None."""
        if type(input) is not np.ndarray:
            return None
        key = input.shape, input.strides, input.dtype
        prompt = self.calls.prompts.get(key)
        if prompt is None:
            if self.calls.asks_for(key):
                call = self.calls.of(input)
                arrays = input, self._weight, self._bias
                self.calls.remember(key, call.prompt(call.output_shape, *arrays))
            return None
        made: Array | None = prompt(input, self._weight, 0 if self._bias is None else self._bias)
        return made

    def step(self, images: Array) -> Any:
        """Return a call on images (N, C, H, W) as a step of a sequence, or None if it can't be one.

        Sequences are the kernels' (`kernels/convolution/sequence.py`).
        """
        call = self.calls.of(images)
        operator: Any = call.operator
        if call.is_single or not hasattr(operator, "step"):
            return None
        return operator.step(len(images), call.packed or self._pack(call), self.activation)

    def _pack(self, call: Call) -> object:
        """Keep for a call what its operator packed, or what one with an equal packing did.

        Two threads may pack at once; the first one's is kept.
        """
        operator = cast("ConvolutionOperator", call.operator)
        packing = operator.packing
        if packing not in self._packed:
            self._packed.setdefault(packing, operator.pack(self._weight, self._bias))
        call.packed = self._packed[packing]
        return call.packed

    def __reduce__(self) -> tuple[Any, ...]:
        held = self.layer, self._weight, self._bias, self.activation
        return partial(BoundConvolution, precision=self.precision), held

    def __repr__(self) -> str:
        follows = "" if self.activation.is_identity else f", {self.activation}"
        mode = "" if self.precision is None else f", precision={self.precision!r}"
        return f"<bound {self.layer}, {self._weight.dtype}{follows}{mode}>"


class BoundPooling:
    """A pooling layer as a function of images; `bind` makes it."""

    def __init__(self, layer: LayerSpec) -> None:
        self.layer = layer
        self._calls = Calls(layer)

    def __call__(
        self, input: Array, out: Array | None = None, residual: Array | None = None
    ) -> Any:
        """Return what the layer's function returns; `out` is filled as there, no residual taken."""
        if residual is not None:
            raise ArgumentError("residual", residual, f"left out for {self.layer}")
        if type(input) is not np.ndarray and (other := functions_for(input)) is not None:
            return other.call_bound(self, input, out, residual)
        return pool(self._calls, input, out)

    def __reduce__(self) -> tuple[Any, ...]:
        return BoundPooling, (self.layer,)

    def __repr__(self) -> str:
        return f"<bound {self.layer}>"


def _as_array(argument: str, value: Any) -> Any:
    """Return an array of a registered kind as NumPy's, and anything else as it is."""
    if type(value) is np.ndarray or value is None:
        return value
    other = functions_for(value)
    return value if other is None else other.array(argument, value)


def _own(array: Array) -> Array:
    copy = np.array(ready(array), order="C", copy=True, subok=False)
    copy.flags.writeable = False
    return copy


def _check_activation(activation: Activation, dtype: np.dtype[Any]) -> None:
    """Refuse for whole numbers what would make fractions of them."""
    if dtype.kind == "f":
        return
    whole = activation.ceiling == np.inf or activation.ceiling.is_integer()
    if activation.slope not in (0.0, 1.0) or not whole:
        raise ArgumentError("activation", activation, f"none, ReLU or ReLU6 for {dtype}")
