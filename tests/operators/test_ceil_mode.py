"""Pooling against PyTorch over every valid setting of an axis, with ceil_mode and without."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from convpool import functional as F  # noqa: N812
from convpool.arithmetic import output_shape
from convpool.errors import ArgumentError
from convpool.spec import MaxPool2dSpec

Axis = tuple[int, int, int, int, int, bool]


def every_axis() -> Iterator[Axis]:
    """Input 1..12, kernel 1..5, stride 1..4, padding 0..3, dilation 1..3, both rounding modes."""
    return itertools.product(
        range(1, 13), range(1, 6), range(1, 5), range(4), range(1, 4), (False, True)
    )


def test_max_pooling_equals_pytorch_on_every_axis() -> None:
    compared = 0
    for size, kernel, stride, padding, dilation, ceil_mode in every_axis():
        setting = (size, kernel, stride, padding, dilation, ceil_mode)
        if padding > kernel // 2:
            continue
        column = torch.arange(1.0, size + 1).reshape(1, size, 1)
        try:
            expected, places = torch.nn.functional.max_pool2d(
                column,
                (kernel, 1),
                (stride, 1),
                (padding, 0),
                (dilation, 1),
                ceil_mode,
                return_indices=True,
            )
        except RuntimeError:
            with pytest.raises(ArgumentError):
                along_width(column.numpy().swapaxes(1, 2), setting)
            continue
        values, indices = along_width(column.numpy().swapaxes(1, 2), setting)
        np.testing.assert_array_equal(values[0, 0], expected[0, :, 0].numpy(), err_msg=str(setting))
        np.testing.assert_array_equal(indices[0, 0], places[0, :, 0].numpy(), err_msg=str(setting))
        compared += 1
    assert compared > 2300


def test_values_where_dilation_allows_more_padding_than_pytorchs_kernel_takes() -> None:
    """There the padding is put on by hand, as minus infinity, and pooled without."""
    compared = 0
    for size, kernel, stride, padding, dilation, ceil_mode in every_axis():
        if ceil_mode or not kernel // 2 < padding <= (dilation * (kernel - 1) + 1) // 2:
            continue
        row = torch.arange(1.0, size + 1).flip(0).reshape(1, 1, size)
        padded = torch.nn.functional.pad(row, (padding, padding), value=-torch.inf)
        if padded.shape[-1] < dilation * (kernel - 1) + 1:
            continue
        expected = torch.nn.functional.max_pool2d(
            padded, (1, kernel), (1, stride), 0, (1, dilation)
        )
        setting = (size, kernel, stride, padding, dilation, ceil_mode)
        np.testing.assert_array_equal(along_width(row.numpy(), setting)[0], expected.numpy())
        compared += 1
    assert compared > 300


def test_average_pooling_equals_pytorch_on_every_valid_axis() -> None:
    compared = 0
    for size, kernel, stride, padding, dilation, ceil_mode in every_axis():
        if dilation > 1 or padding > kernel // 2:
            continue
        row = torch.arange(1.0, size + 1).reshape(1, 1, size)
        for with_padding in (False, True):
            arguments = ((1, kernel), (1, stride), (0, padding), ceil_mode, with_padding)
            try:
                expected = torch.nn.functional.avg_pool2d(row, *arguments)
            except RuntimeError:
                with pytest.raises(ArgumentError):
                    F.avg_pool2d(row.numpy(), *arguments)
                continue
            ours = F.avg_pool2d(row.numpy(), *arguments)
            np.testing.assert_allclose(ours, expected.numpy(), rtol=1e-6, err_msg=str(arguments))
            compared += 1
    assert compared > 1900


def along_width(row: np.ndarray, axis: Axis) -> tuple[np.ndarray, np.ndarray]:
    """Pool a row (1, 1, W) with the axis's setting, and check the size rule on the way."""
    _, kernel, stride, padding, dilation, ceil_mode = axis
    arguments = ((1, kernel), (1, stride), (0, padding), (1, dilation))
    values, indices = F.max_pool2d(row, *arguments, ceil_mode, return_indices=True)
    spec = MaxPool2dSpec(*arguments, ceil_mode=ceil_mode)
    assert values.shape == indices.shape == output_shape(spec, row.shape)
    return values, indices
