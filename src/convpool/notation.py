"""Text to values: layer expressions as people write them, and input sizes such as 3x224x224.

A layer is read with `ast` and never evaluated: a call of one of the five layers, with numbers,
True, False, None, text and (nested) pairs as arguments. A spec's repr reads back to an equal spec.
"""

import ast
import difflib
import inspect
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from convpool.errors import ArgumentError, ArgumentTypeError, NamedArgumentError
from convpool.spec import (
    LAYERS,
    PADDING_MODES,
    PADDING_WORDS,
    Activation,
    Conv2dSpec,
    LayerSpec,
)
from convpool.spec import ConvTranspose2dSpec as _Transposed

_WORDS = {*PADDING_MODES, *PADDING_WORDS}  # PyTorch's repr prints these without quotes
_PREFIXES = ("", "nn.", "torch.nn.", "convpool.nn.")
_LONGEST = 1000  # characters; the parser's own recursion limit lies far above


def parse_layer(text: str) -> LayerSpec:
    """Return the layer that an expression such as "Conv2d(3, 64, 7, stride=2)" describes.

    An `nn.` or `torch.nn.` in front is allowed.

    Raises:
        ArgumentError: the text isn't such an expression, or the layer's own check fails.
        ArgumentTypeError: an argument of the layer is of the wrong kind.

    Example:
        >>> parse_layer("nn.MaxPool2d(3, ceil_mode=True)")
        MaxPool2d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=True)
    """
    call = _parse_call("layer", text, "'Conv2d(3, 64, 7, stride=2)' or 'MaxPool2d(3)'")
    prefix, bare = _name(call.func)
    if prefix not in _PREFIXES or bare not in LAYERS:
        raise ArgumentError("layer", text, _known(bare, LAYERS))
    layer: LayerSpec = _called("layer", text, call, bare, LAYERS[bare])
    return layer


def parse_activation(value: object) -> Activation:
    """Return the activation that a value stands for.

    None is none at all. Words are those of `torch.nn.functional`: "relu", "relu6", "leaky_relu";
    the pair ("leaky_relu", 0.1) gives the slope. Expressions are those of `torch.nn`: "ReLU()",
    "ReLU6()", "LeakyReLU(0.1)". An `Activation` is itself.

    Raises:
        ArgumentError: the text isn't one of these, or the slope isn't finite.
        ArgumentTypeError: the value, or the slope, is of the wrong kind.

    Example:
        >>> parse_activation("relu6"), parse_activation("nn.LeakyReLU(0.1)")
        (Activation(slope=0.0, ceiling=6.0), Activation(slope=0.1, ceiling=inf))
    """
    if value is None:
        return Activation()
    if isinstance(value, Activation):
        return value
    if isinstance(value, tuple) and len(value) == 2 and value[0] == "leaky_relu":
        return Activation(slope=value[1])
    if not isinstance(value, str):
        raise ArgumentTypeError("activation", value, _KNOWN_ACTIVATIONS)
    if value in _ACTIVATION_WORDS:
        return _ACTIVATION_WORDS[value]()
    call = _parse_call("activation", value, _KNOWN_ACTIVATIONS)
    prefix, bare = _name(call.func)
    if prefix not in _PREFIXES or bare not in _ACTIVATIONS:
        raise ArgumentError("activation", value, _KNOWN_ACTIVATIONS)
    activation: Activation = _called("activation", value, call, bare, _ACTIVATIONS[bare])
    return activation


def _relu(inplace: bool = False) -> Activation:  # noqa: ARG001 (PyTorch's repr may show it)
    return Activation(slope=0.0)


def _relu6(inplace: bool = False) -> Activation:  # noqa: ARG001
    return Activation(slope=0.0, ceiling=6.0)


def _leaky_relu(negative_slope: float = 0.01, inplace: bool = False) -> Activation:  # noqa: ARG001
    return Activation(slope=negative_slope)


_ACTIVATIONS: dict[str, Callable[..., Activation]] = {
    "ReLU": _relu,
    "ReLU6": _relu6,
    "LeakyReLU": _leaky_relu,
}
_ACTIVATION_WORDS: dict[str, Callable[[], Activation]] = {
    "relu": _relu,
    "relu6": _relu6,
    "leaky_relu": _leaky_relu,
}
_KNOWN_ACTIVATIONS = (
    "None, 'relu', 'relu6', 'leaky_relu', ('leaky_relu', slope), 'ReLU()', 'ReLU6()' or "
    "'LeakyReLU(slope)'"
)


def parse_net(parts: Iterable[str | LayerSpec]) -> tuple[LayerSpec, ...]:
    """Return the layers of a chain, in order, given as text or as layers already.

    Raises:
        ArgumentError, ArgumentTypeError: as `parse_layer`; where there are several layers, with
            the number of the one that is meant.

    Example:
        >>> parse_net(["Conv2d(3, 8, 3)", "MaxPool2d(2)"])[0]
        Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))
    """
    given = list(parts)
    layers = []
    for number, part in enumerate(given, start=1):
        try:
            layers.append(part if isinstance(part, LayerSpec) else parse_layer(part))
        except NamedArgumentError as error:
            raise (error if len(given) == 1 else error.within(f"layer {number}")) from None
    return tuple(layers)


def shape_text(shape: Iterable[int]) -> str:
    """Write a shape.

    Example:
        >>> shape_text((3, 224, 224))
        '3×224×224'
    """
    return "×".join(str(size) for size in shape)


def parse_shape(argument: str, text: str) -> tuple[int, ...]:
    """Return the numbers of a size such as 5x5, 3x224x224 or 1x3x224x224 (HxW, CxHxW, NxCxHxW).

    Raises:
        ArgumentError: the text isn't 2 to 4 whole numbers of at least 1, with x between them.

    Example:
        >>> parse_shape("--input", "3x224x224")
        (3, 224, 224)
    """
    if not isinstance(text, str):
        raise ArgumentTypeError(argument, text, "text such as '3x224x224'")
    parts = text.lower().replace("×", "x").split("x")
    if not 2 <= len(parts) <= 4 or not all(
        part.isascii() and part.isdigit() and len(part) <= 19 and int(part) >= 1 for part in parts
    ):
        raise ArgumentError(
            argument,
            text,
            "HxW, CxHxW or NxCxHxW in whole numbers of at least 1, such as 3x224x224",
        )
    return tuple(int(part) for part in parts)


def input_shape(argument: str, text: str, first: LayerSpec) -> tuple[int, ...]:
    """Return (C, H, W) or (N, C, H, W) for a size; where C isn't given it is what `first` takes.

    Example:
        >>> input_shape("--input", "5x5", parse_layer("Conv2d(2, 1, 3)"))
        (2, 5, 5)
    """
    shape = parse_shape(argument, text)
    if len(shape) > 2:
        return shape
    channels = first.in_channels if isinstance(first, Conv2dSpec | _Transposed) else 1
    return channels, *shape


def _parse_call(argument: str, text: str, example: str) -> ast.Call:
    if not isinstance(text, str):
        raise ArgumentTypeError(argument, text, f"text such as {example}")
    expected = f"an expression such as {example}"
    if len(text) > _LONGEST:
        raise ArgumentError(argument, text, f"{expected} of at most {_LONGEST} characters")
    try:
        with warnings.catch_warnings(action="ignore"):  # about text refused below anyway
            expression = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ArgumentError(argument, text, expected) from None
    if not isinstance(expression, ast.Call):
        raise ArgumentError(argument, text, expected)
    return expression


def _called(
    argument: str, text: str, call: ast.Call, name: str, function: Callable[..., Any]
) -> Any:
    """Call the function with the literals of the expression."""
    source = text.strip()
    positional = [
        _literal(f"argument {i}", arg, source) for i, arg in enumerate(call.args, start=1)
    ]
    named: dict[str, object] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise ArgumentError(argument, text, "written without ** arguments")
        if keyword.arg in named:  # Python's compiler refuses this, its parser doesn't
            raise ArgumentError(argument, text, f"written with {keyword.arg} once only")
        named[keyword.arg] = _literal(keyword.arg, keyword.value, source)
    signature = inspect.signature(function)
    try:
        signature.bind(*positional, **named)
    except TypeError as error:
        raise ArgumentError(
            argument, text, f"of the form {name}{_arguments(signature)} ({error})"
        ) from None
    return function(*positional, **named)


def _name(node: ast.expr) -> tuple[str, str]:
    """Split a dotted name, such as nn.Conv2d, into ("nn.", "Conv2d")."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "?")
    return "".join(f"{part}." for part in reversed(parts[1:])), parts[0]


def _literal(argument: str, node: ast.expr, source: str) -> object:
    """Return the value of a literal: a constant, a signed number, a known word, a pair."""
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)) if (
            not isinstance(number, bool)
        ):
            return -number
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_literal(f"{argument}[{i}]", item, source) for i, item in enumerate(items))
        case ast.Name(id=word) if word in _WORDS:
            return word
        case _:
            raise ArgumentError(
                argument,
                ast.get_source_segment(source, node),  # ast.unparse fails on deep nesting
                "written out: a number, True, False, a word or a pair",
            )


def _known(name: str, names: Iterable[str]) -> str:
    names = list(names)
    lowered = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), lowered, n=1)
    hint = f" (did you mean {lowered[close[0]]}?)" if close else ""
    return f"one of {', '.join(names)}{hint}"


def _arguments(signature: inspect.Signature) -> str:
    """Write the arguments with their defaults and without their types."""
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(inspect.Signature(parameters))
