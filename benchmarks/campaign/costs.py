"""How long a cell takes: a first guess per network and device, corrected by every cell that is measured."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from .cells import Cell

# Seconds of `ce` per thousand rows and epoch, evaluation included, in one of many processes. LeNet and
# PreActResNet-18 were measured on an H200 that 15 processes shared by the multi-process service of CUDA.
GUESS = {
    "lenet": {"cpu": 0.08, "cuda": 0.035},
    "fast": {"cpu": 0.4, "cuda": 0.07},
    "preact-resnet18": {"cpu": 40.0, "cuda": 0.08},
    "efficientnet-lite0": {"cpu": 20.0, "cuda": 1.0},
}
OTHER = {"cpu": 0.05, "cuda": 0.05}
START = 4.0  # seconds to read, corrupt and judge
RECENT = 8  # cells that a correction is the median of


class Costs:
    """Expected seconds of cells.

    The correction is measured per network, method and device; where there is none, that of the network and device.
    """

    def __init__(self) -> None:
        self._found: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)

    def expected(self, cell: Cell, device: str) -> float:
        """Seconds that a cell takes on a device."""
        network, method = _names(cell.stated)
        known = self._found.get((device, network, method)) or self._found.get((device, network)) or [1.0]
        return START + _guess(cell, device) * statistics.median(known[-RECENT:])

    def measured(self, cell: Cell, device: str, seconds: float) -> None:
        """Learn from a cell that took so long, or from one that was stopped after so long."""
        network, method = _names(cell.stated)
        ratio = max(seconds - START, 0.1) / _guess(cell, device)
        self._found[device, network].append(ratio)
        self._found[device, network, method].append(ratio)


def _guess(cell: Cell, device: str) -> float:
    network, _ = _names(cell.stated)
    return cell.passes * GUESS.get(network, OTHER)[device]


def _names(stated: Mapping[str, Any]) -> tuple[str, str]:
    return str(stated.get("model")).partition(":")[0], str(stated["method"])
