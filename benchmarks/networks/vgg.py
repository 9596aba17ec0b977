"""VGG: Simonyan and Zisserman, "Very Deep Convolutional Networks" (2014)."""

from torch import nn

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Filters and convolutions between two poolings."""


def vgg16() -> nn.Sequential:
    """Return VGG-16 for ImageNet (configuration D), without norms."""
    layers: list[nn.Module] = []
    inputs = 3
    for width, count in STAGES:
        for _ in range(count):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
            inputs = width
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    inputs *= 7 * 7
    for width in (4096, 4096):
        layers += [nn.Linear(inputs, width), nn.ReLU(inplace=True), nn.Dropout(0.5)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 1000))
