"""The machine and the versions that figures belong to."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from llvmlite import binding

_PACKAGES = ("convpool", "numpy", "numba", "llvmlite", "torch", "onnxruntime", "openvino")


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
