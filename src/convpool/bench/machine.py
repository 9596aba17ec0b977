"""The machine and the versions that figures belong to."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from llvmlite import binding

_PACKAGES = ("convpool", "numpy", "numba", "llvmlite", "torch", "onnxruntime", "openvino")


BUSY = 0.5
"""Load average from which the machine isn't idle enough to time anything."""


@dataclass(frozen=True)
class Machine:
    """What figures depend on."""

    cpu: str
    target: str
    """LLVM's name of the CPU."""
    features: list[str]
    """Of the CPU, as LLVM names them."""
    cpus: int
    """That this process may use."""
    load: float
    """Average number of busy processes in the minute before: above 0.5 something else ran."""
    system: str
    python: str
    versions: dict[str, str]


def describe() -> Machine:
    """Return this machine."""
    features = binding.get_host_cpu_features()
    return Machine(
        cpu=_model(),
        target=str(binding.get_host_cpu_name()),
        features=sorted(name for name, present in features.items() if present),
        cpus=usable_cpus(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan"),
        system=platform.platform(),
        python=platform.python_version(),
        versions=_versions(),
    )


def usable_cpus() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def heading(machine: Machine, limits: Mapping[int, Mapping[str, float]]) -> str:
    """Return the lines about the machine and its limits, which are given by threads."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    lines = [
        f"{machine.cpu} ({machine.target}, {vectors(machine)}), {machine.cpus} CPUs, "
        f"load {machine.load:.2f}",
        f"Python {machine.python}, {versions}",
    ]
    if machine.load > BUSY:
        lines.append("Something else kept the machine busy before this run: expect wrong times.")
    lines += [f"{counted(threads)}: {limits_text(rates)}" for threads, rates in limits.items()]
    return "\n".join(lines)


def limits_text(rates: Mapping[str, float]) -> str:
    """Return limits, as `limits.limits` gives them, in words."""
    gigas = {name: rate / 1e9 for name, rate in rates.items()}
    parts = [
        f"{gigas['multiply-adds']:.0f} GF/s of multiply-adds",
        f"{gigas['large copy']:.1f} GB/s read and written by a large copy",
    ]
    if "matrix products" in gigas:
        parts.insert(1, f"{gigas['matrix products']:.0f} GF/s of matrix products (AMX)")
    return ", ".join(parts)


def vectors(machine: Machine) -> str:
    """Return which of the CPU's units the kernels use.

    Example:
        >>> vectors(Machine("", "", ["avx2", "fma"], 1, 0.0, "", "", {}))
        'AVX2'
    """
    known = {
        "AMX": ("amx-tile", "amx-bf16"),
        "AVX-512": ("avx512f",),
        "AVX2": ("avx2",),
        "SSE": ("sse2",),
        "NEON": ("neon",),
    }
    have = [name for name, needs in known.items() if {*needs} <= {*machine.features}]
    widest = [name for name in have if name != "AMX"][:1]
    return " and ".join([*widest, *(["AMX"] if "AMX" in have else [])]) or "no vectors known"


def counted(threads: int) -> str:
    """Return "1 thread" or "2 threads"."""
    return f"{threads} thread{'s' if threads > 1 else ''}"


def _model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
