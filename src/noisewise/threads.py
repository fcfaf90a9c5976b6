"""The cores and threads of this process, and whether `torchrun` started others along with it."""

from __future__ import annotations

import math
import multiprocessing
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def settle() -> None:
    """Set how the threads of OpenMP behave, for this process and those that it starts; a variable that is set stays.

    It acts only before torch is loaded, because OpenMP reads its variables then. OpenMP's threads otherwise wait for
    each other in a loop that keeps their cores busy. Where another process needs one of these cores, the looping thread
    keeps out the thread that it waits for. Sleeping threads cost a wake-up of some microseconds instead.

    A container that may use less processor time than it sees cores gets as many threads as it has time for.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("KMP_BLOCKTIME", "0")  # of the OpenMP of Intel and LLVM, which some builds of torch use
    if _container() < _affinity():
        os.environ.setdefault("OMP_NUM_THREADS", str(cores()))


def cores() -> int:
    """The number of cores that this process may use: those it may run on, and no more than its container pays for."""
    return min(_affinity(), _container())


def launched() -> bool:
    """Whether this is one of several processes of `torchrun`; what one of them starts inherits the environment only."""
    several = "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1
    return several and multiprocessing.parent_process() is None


def _affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # not on macOS
        return os.cpu_count() or 1


def _container() -> int:
    """The cores whose time the container may use, at least one; very many where it has no limit."""
    try:
        quota, period = _text("cpu.max").split()
    except ValueError:
        quota, period = _text("cpu/cpu.cfs_quota_us").strip(), _text("cpu/cpu.cfs_period_us").strip()
    if quota.isdigit() and period.isdigit() and int(period):
        return max(1, math.ceil(int(quota) / int(period)))
    return 1 << 20


def _text(name: str) -> str:
    try:
        return (_CGROUP / name).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
