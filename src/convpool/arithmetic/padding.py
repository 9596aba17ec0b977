"""Which input pixel a padding pixel repeats: the rule of the four padding modes.

Sources: PyTorch's documentation of `Conv2d(padding_mode=…)` and of `ReflectionPad2d`,
`ReplicationPad2d` and `CircularPad2d`.
"""

from convpool.errors import ArgumentError
from convpool.spec.arguments import Pair


def source_index(position: int, size: int, mode: str) -> int | None:
    """Return the input position that is read at a position of the padded axis, None for a zero.

    `position` counts from the first input pixel: negative before the input, `size` and more after.

    Example:
        >>> [source_index(i, 4, "reflect") for i in (-2, -1, 0, 3, 4, 5)]
        [2, 1, 0, 3, 2, 1]
        >>> [source_index(i, 4, "circular") for i in (-2, -1, 4)]
        [2, 3, 0]
    """
    if 0 <= position < size:
        return position
    if mode == "reflect":
        return -position if position < 0 else 2 * (size - 1) - position
    if mode == "replicate":
        return 0 if position < 0 else size - 1
    if mode == "circular":
        return position % size
    return None


def check_padding(sides: Pair, size: int, mode: str, axis: str) -> None:
    """Refuse padding that the mode cannot fill from `size` pixels.

    Reflection repeats at most size - 1 pixels, since the edge itself isn't repeated; wrapping goes
    round at most once.

    Raises:
        ArgumentError: naming the padding, the axis and the limit.
    """
    limit = {"reflect": size - 1, "circular": size}.get(mode)
    if limit is not None and max(sides) > limit:
        raise ArgumentError(
            "padding",
            sides,
            f"at most {limit} on each side of axis {axis} with padding_mode={mode!r}, "
            f"since the input has {size} pixels there",
        )


def strided_same(
    size: int, kernel: int, stride: int = 1, dilation: int = 1, *, odd_first: bool = False
) -> Pair:
    """Return the padding of the two sides with which the output has ceil(size / stride) pixels.

    This is TensorFlow's SAME and ONNX's SAME_UPPER, which PyTorch's "same" lacks for strides: in
    total max(0, d(k-1) - (i-1) mod s), the odd pixel at the end, or first for ONNX's SAME_LOWER.

    Example:
        >>> strided_same(224, kernel=7, stride=2)
        (2, 3)
    """
    total = max(0, dilation * (kernel - 1) - (size - 1) % stride)
    less, more = total // 2, total - total // 2
    return (more, less) if odd_first else (less, more)
