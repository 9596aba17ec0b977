"""convpool: Conv2d and MaxPool2d for Python, whole."""

__version__ = "0.1.0"
