"""A process for each thread count: a library that has made its threads keeps them."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


def fresh_process() -> ProcessPoolExecutor:
    """Return one process started anew, in which no library has made threads yet."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def answer(process: ProcessPoolExecutor, job: Callable[[], Answer], where: str) -> Answer:
    """Return what a job returns in the process; an error says where it was raised."""
    try:
        return process.submit(job).result()
    except Exception as error:
        error.add_note(f"while measuring {where}")
        raise
