"""Layers that most networks have: what `convpool warm` compiles ahead.

Each is given with an input (N, C, H, W) that is small, but large enough for threads, so that both
twins of its kernels can be compiled. A new kernel needs only a line here. With `--training` their
gradients are compiled too.
"""

COMMON: tuple[tuple[str, tuple[int, int, int, int]], ...] = (
    ("MaxPool2d(2)", (1, 64, 32, 32)),
    ("MaxPool2d(2, return_indices=True)", (1, 64, 32, 32)),
    ("MaxPool2d(3, 2, 1)", (1, 64, 32, 32)),
    ("MaxPool2d(3, 2, 1, return_indices=True)", (1, 64, 32, 32)),
    ("MaxPool2d(3, 1, 1)", (1, 64, 32, 32)),
    ("AvgPool2d(2)", (1, 64, 32, 32)),
    ("Conv2d(3, 32, 7, stride=2, padding=3)", (1, 3, 64, 64)),
    ("Conv2d(3, 32, 3, padding=1)", (1, 3, 64, 64)),
    ("Conv2d(64, 64, 3, padding=1)", (1, 64, 32, 32)),
    ("Conv2d(64, 64, 3, stride=2, padding=1)", (1, 64, 32, 32)),
    ("Conv2d(64, 64, 1)", (1, 64, 32, 32)),
    ("Conv2d(64, 64, 1, stride=2)", (1, 64, 32, 32)),
    ("Conv2d(64, 64, 3, padding=1, groups=64)", (1, 64, 32, 32)),
    ("Conv2d(64, 64, 3, stride=2, padding=1, groups=64)", (1, 64, 32, 32)),
    ("ConvTranspose2d(64, 64, 2, stride=2)", (1, 64, 32, 32)),
)
