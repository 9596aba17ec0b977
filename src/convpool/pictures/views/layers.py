"""Which channels meet in a layer, and by which part of its weights."""

from convpool.pictures.frames import Film
from convpool.pictures.frames.frame import Array
from convpool.spec import Conv2dSpec, ConvolutionSpec
from convpool.spec.arguments import Pair


def channels_read(film: Film, target: int) -> range:
    """Return the input channels that an output channel is made of.

    Example:
        >>> from convpool.pictures.frames import film
        >>> channels_read(film("Conv2d(4, 6, 3, groups=2)", (4, 5, 5)), 3)
        range(2, 4)
    """
    if not isinstance(film.spec, ConvolutionSpec):
        return range(target, target + 1)
    read, made = (
        channels // film.spec.groups for channels in (film.spec.in_channels, film.spec.out_channels)
    )
    group = target // made
    return range(group * read, (group + 1) * read)


def filter_of(film: Film, target: int, channel: int) -> Array | None:
    """Return the weights, (kh, kw), by which an input channel enters an output channel."""
    if film.weight is None or not isinstance(film.spec, ConvolutionSpec):
        return None
    place = channel - channels_read(film, target).start
    if isinstance(film.spec, Conv2dSpec):
        weights: Array = film.weight[target, place]
    else:
        weights = film.weight[channel, target % (film.spec.out_channels // film.spec.groups)]
    return weights


def kernel_of(film: Film) -> Pair:
    """Return the rows and columns of the layer's kernel."""
    return film.spec.kernel_size


def made_channels(film: Film) -> int:
    """Return how many output channels there are, also where the geometry doesn't fit."""
    if isinstance(film.spec, ConvolutionSpec):
        return film.spec.out_channels
    return int(film.input.shape[0])
