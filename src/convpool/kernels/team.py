"""The threads that share work: Numba's, which it keeps waiting for its own parallel loops.

Measured facts behind it (Numba 0.68):
- After a fork, OpenMP's threads are gone and a parallel region in the child hangs: the child works
  alone.
- Numba's own workqueue aborts under concurrent callers; OpenMP and TBB don't.
"""

import os
import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numba

from convpool.threads import get_num_threads


class Team:
    """What this process knows of Numba's threads."""

    _lost = False
    """Whether they stayed behind in the process that this one was forked from."""
    _used = False
    _lock = threading.Lock()

    @classmethod
    def size(cls) -> int:
        """Return how many threads work at a time, the caller's among them."""
        return 1 if cls._lost else min(get_num_threads(), numba.config.NUMBA_NUM_THREADS)

    @classmethod
    def guard(cls) -> AbstractContextManager[Any]:
        """Return a lock where callers must not enter at once, else something that does nothing.

        Which kind of threads there are shows after the first call.
        """
        if not cls._used:
            cls._used = True
            # Numba tells OpenMP how many threads the caller uses from now on, in other libraries as
            # well: PyTorch would use all of them again. So a caller comes that isn't seen again.
            starter = threading.Thread(target=numba.get_num_threads)
            starter.start()
            starter.join()
            return cls._lock
        return nullcontext() if _layer() in ("omp", "tbb") else cls._lock

    @classmethod
    def after_fork(cls) -> None:
        """Remember in the child that the threads are gone, if there were any."""
        cls._lost = cls._lost or cls._used
        cls._lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=Team.after_fork)


def _layer() -> str:
    try:
        return str(numba.threading_layer())
    except ValueError:  # the first parallel call is still under way in another thread
        return "unknown"
