"""How much memory there is, asked before much of it is taken."""

from __future__ import annotations

import os
import re
from pathlib import Path

from noisewise.errors import BadInput

SMALL = 1 << 26
"""Bytes below which nobody asks: 64 MiB."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
_NO_LIMIT = 1 << 62


def need(size: int, what: str) -> None:
    """Check that there is room for something before it is allocated.

    Args:
        size: in bytes.
        what: what needs it, for the message.

    Raises:
        BadInput: less memory is free.
    """
    if size > SMALL and size > (left := free()):
        raise BadInput(f"{what} needs {in_words(size)} of memory, but {in_words(left)} are free")


def free() -> int:
    """Bytes that this process may still allocate: the least that the machine, its container and its limits leave."""
    return max(0, min(_machine(), _container(), _limits()))


def in_words(size: int) -> str:
    """A size such as "218 TiB"."""
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024  # type: ignore[assignment]
    return f"{size:,.3g} {unit}" if size < 1000 else f"{size:,.0f} {unit}"


def _machine() -> int:
    found = re.search(r"MemAvailable:\s+(\d+) kB", _text("/proc/meminfo"))
    if found:
        return int(found[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # no such figure on this system
        return _NO_LIMIT


def _container() -> int:
    root = Path("/sys/fs/cgroup")
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        most, now = _text(root / limit).strip(), _text(root / used).strip()
        if most.isdigit() and now.isdigit():
            cached = re.search(r"^inactive_file (\d+)", _text((root / limit).with_name("memory.stat")), re.MULTILINE)
            return int(most) - int(now) + (int(cached[1]) if cached else 0)
    return _NO_LIMIT


def _limits() -> int:
    try:
        import resource
    except ModuleNotFoundError:  # not on Windows
        return _NO_LIMIT
    pages = [int(number) for number in _text("/proc/self/statm").split()] or [0] * 7
    taken = {resource.RLIMIT_AS: pages[0], resource.RLIMIT_DATA: pages[5]}
    page = resource.getpagesize()
    limits = {kind: resource.getrlimit(kind)[0] for kind in taken}
    return min([limits[k] - taken[k] * page for k in taken if limits[k] != resource.RLIM_INFINITY], default=_NO_LIMIT)


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
