"""Prints by how many MiB a large convolution raises the peak of memory, and the MiB of its arrays.

A program of its own, since the operating system keeps the largest number of a whole life.
"""

import re
from pathlib import Path

import numpy as np

from convpool import functional as F  # noqa: N812


def held() -> float:
    """Return the most memory that this program has had so far, in MiB.

    Not `getrusage`, whose number starts with that of the process that started this one.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def main() -> None:
    """Warm up on few rows, so that what the compiler takes doesn't count."""
    weight = np.ones((64, 64, 3, 3), np.float32)
    images = np.ones((1, 64, 1024, 1024), np.float32)
    F.conv2d(images[:, :, :64].copy(), weight, padding=1)
    F.conv2d(images[..., :64].copy(), weight, padding=1)
    before = held()
    output = F.conv2d(images, weight, padding=1)
    assert abs(output[0, 0, 5, 5] - 64 * 9) < 0.01
    print(held() - before, (output.nbytes + weight.nbytes) / 2**20)


if __name__ == "__main__":
    main()
