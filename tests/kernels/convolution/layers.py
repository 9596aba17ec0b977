"""Layers that take each of the ways through the kernels, several chunks of channels each."""

from convpool.spec import Conv2dSpec, ConvTranspose2dSpec
from tests.kernels.convolution.cases import Plane, Spec

LAYERS: dict[str, tuple[Spec, Plane]] = {
    "across filters": (Conv2dSpec(80, 96, 3, padding=1), (14, 14)),
    "read in place": (Conv2dSpec(300, 200, 1), (14, 14)),
    "across pixels": (Conv2dSpec(70, 6, 3, padding=1), (40, 130)),
    "across pixels of one row": (Conv2dSpec(130, 16, 1), (56, 56)),
    "flattened": (Conv2dSpec(70, 5, 3, padding=1), (13, 13)),
    "several groups a unit": (Conv2dSpec(96, 96, 3, padding=1, groups=96), (14, 14)),
    "two filters a group": (Conv2dSpec(64, 128, 3, 2, 1, groups=64), (9, 9)),
    "wide groups": (Conv2dSpec(128, 128, 3, padding=1, groups=4), (28, 28)),
    "stem": (Conv2dSpec(3, 64, 7, 2, 3), (60, 60)),
    "circular": (Conv2dSpec(40, 24, 5, 3, 2, padding_mode="circular"), (31, 47)),
    "phases": (ConvTranspose2dSpec(70, 40, 4, stride=2, padding=1), (14, 14)),
    "phases without taps": (ConvTranspose2dSpec(30, 20, 2, stride=3), (20, 20)),
    "transposed": (ConvTranspose2dSpec(70, 40, 3, padding=1), (14, 30)),
    "too few for blocks": (Conv2dSpec(2, 3, 2, padding=1), (3, 4)),
}
