"""What is compiled: shared by processes through the cache, and kept in registers."""

import re
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numba import types

from convpool.kernels.compiling import ProgramCompiler
from convpool.kernels.convolution import tiles
from convpool.kernels.simd import registers
from convpool.kernels.weight_gradient import program
from tests.kernels.test_jit import run

CONVOLVE = """
import numpy as np
from convpool import functional as F, reference
from convpool.spec import Conv2dSpec, ConvTranspose2dSpec
random = np.random.default_rng(0)
def noise(shape, dtype):
    return random.standard_normal(shape).astype(dtype)
def check(spec, plane, dtype, last):
    images = noise((2, spec.in_channels, *plane), dtype)
    if last:
        images = images.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2)
    weight, bias = noise(spec.weight_shape, dtype), noise((spec.out_channels,), dtype)
    rest = spec.stride, spec.padding
    if isinstance(spec, Conv2dSpec):
        ours = F.conv2d(images, weight, bias, *rest, groups=spec.groups)
        expected = reference.conv2d(spec, images, weight, bias)
        compare(ours, expected, dtype, spec)
        ours = F.conv2d_weight(images, weight.shape, expected, *rest, groups=spec.groups)
        expected = reference.conv2d_weight(spec, images, expected)
    else:
        ours = F.conv_transpose2d(images, weight, bias, *rest)
        expected = reference.conv_transpose2d(spec, images, weight, bias)
    compare(ours, expected, dtype, spec)
def compare(ours, expected, dtype, spec):
    rounding = dict(float16=2e-3, float32=1e-5, float64=1e-13)[dtype]
    scale = rounding * max(1, float(abs(expected).max()))
    np.testing.assert_allclose(ours, expected, rtol=rounding, atol=scale, err_msg=str(spec))
LAYERS = [
    (Conv2dSpec(40, 40, 3, padding=1), (14, 14)),
    (Conv2dSpec(40, 40, 3, padding=1), (8, 8)),
    (Conv2dSpec(300, 64, 1), (7, 7)),
    (Conv2dSpec(8, 6, 3, padding=1), (20, 70)),
    (Conv2dSpec(3, 20, 7, 2, 3), (41, 41)),
    (Conv2dSpec(64, 64, 3, padding=1, groups=64), (14, 14)),
    (ConvTranspose2dSpec(20, 24, 4, 2, 1), (9, 9)),
]
"""


def check_layers(*dtypes: str, layers: str, orders: str = "(False, True)", step: int = 1) -> str:
    """A program that checks layers, forwards or backwards, with images in memory orders."""
    return f"""{CONVOLVE}
for spec, plane in {layers}[::{step}]:
    for dtype in {dtypes}:
        for last in {orders}:
            check(spec, plane, dtype, last)
print("done")
"""


@pytest.mark.parametrize(
    ("cpu", "features"),
    [("haswell", "+avx,+avx2,+fma,+f16c"), ("nehalem", "+sse4.2"), ("x86-64", "+sse2")],
)
def test_other_cpus(cpu: str, features: str) -> None:
    """Their kernels share the cache with those of this CPU, in a folder of their own."""
    environment = {"NUMBA_CPU_NAME": cpu, "NUMBA_CPU_FEATURES": features}
    narrow = check_layers("float32", "float16", layers="LAYERS[3:5]")
    wide = check_layers("float64", layers="LAYERS[5:6]")
    assert run(narrow + wide, **environment) == "done\ndone\n"


def test_programs_of_several_processes_in_one(tmp_path: Path) -> None:
    """Machine code from the cache brings its symbols along: two of one name would be confused."""
    folder = {"CONVPOOL_CACHE_DIR": str(tmp_path)}
    for dtype, layers in (
        ("float32", "LAYERS[1:2]"),
        ("float32", "LAYERS[3:4]"),
        ("float64", "LAYERS[1:4:2]"),
    ):
        program = check_layers(dtype, layers=layers, orders="(False,)")
        assert run(program, **folder) == "done\n"
    files = set(tmp_path.rglob("*.nbc"))
    for step in (1, -1):
        program = check_layers(
            "float32", "float64", layers="LAYERS[1:4:2]", orders="(False,)", step=step
        )
        assert run(program, **folder) == "done\n"
    assert set(tmp_path.rglob("*.nbc")) == files  # all were found


needs_avx512 = pytest.mark.skipif(registers() != (64, 32), reason="about AVX-512")


def assembly(function: Any) -> list[str]:
    """Compile a function of tiles as if it were a program, and return its instructions."""
    code = function.py_func.__code__
    line = types.UniTuple(types.intp, 3)
    kinds = {"slope": types.float32, "ceiling": types.float32, "coming": line, "met": line}
    signature = tuple(
        types.boolean if name.startswith(("is_", "fresh")) else kinds.get(name, types.intp)
        for name in code.co_varnames[: code.co_argcount]
    )
    compiled = numba.njit(pipeline_class=ProgramCompiler, error_model="numpy")(function.py_func)
    compiled.compile(signature)
    return str(compiled.inspect_asm(signature)).splitlines()


def hot_loop(lines: list[str]) -> list[str]:
    """Return the innermost loop with the most fused multiply-adds: from its label to its jump."""
    labels = {line[:-1]: i for i, line in enumerate(lines) if re.fullmatch(r"\.LBB\w+:", line)}
    loops = []
    for end, line in enumerate(lines):
        jump = re.match(r"\s+j\w+\s+(\.LBB\w+)", line)
        if jump and labels.get(jump[1], end) < end:
            body = lines[labels[jump[1]] : end + 1]
            if not any(re.fullmatch(r"\.LBB\w+:", inner) for inner in body[1:]):
                loops.append(body)
    return max(loops, key=lambda body: sum("vfmadd" in line for line in body))


@needs_avx512
@pytest.mark.parametrize(
    ("function", "sums"),
    [
        (tiles.across_filters(np.float32, 32, 14, skips=False), 28),
        (tiles.across_filters(np.float32, 32, 14, skips=True), 28),
        (tiles.across_pixels(np.float32, tiles.Tile(False, 64, 6)), 24),
        (tiles.across_pixels(np.float32, tiles.Tile(False, 64, 6, flattened=True)), 24),
        (tiles.across_pixels(np.float32, tiles.Tile(False, 32, 12, packed=True)), 24),
        (tiles.across_pixels(np.float32, tiles.Tile(False, 32, 8, packed=True, flat=True)), 16),
        (program.summing(np.float32, 32, 12, 0), 24),
        (program.summing(np.float32, 32, 14, 0), 28),
        (program.summing(np.float32, 32, 3, 1), 6),
    ],
)
def test_sums_stay_in_registers(function: Any, sums: int) -> None:
    """One multiply-add a register of sums, on registers of 512 bits, and no vector on the stack."""
    loop = hot_loop(assembly(function))
    fused = [line for line in loop if "vfmadd" in line]
    assert len(fused) % sums == 0
    assert all("zmm" in line for line in fused)
    assert len({line.split(",")[-1].strip() for line in fused}) == sums
    spilled = [line for line in loop if re.search(r"[zy]mm", line) and "rsp" in line]
    stored = [line for line in loop if re.match(r"\s+vmov\w+\s+%?[zyx]mm\d+, .*\(", line)]
    assert spilled == stored == []
