"""Observers (callbacks): they follow a training and never change it.

An observer measures, reports or stores values; anything that changes the training is a method. The trainer calls every
observer of its list, in order, and writes the numbers that `after_epoch` returns into the row of the history.
"""

from __future__ import annotations

from collections.abc import Callable

from noisewise.training.history import Row
from noisewise.training.trainer import Observer

__all__ = ["Callbacks", "Observer", "Row"]


class Callbacks(Observer):
    """Functions as an observer.

    Args:
        on_epoch: called with every row of the history.
        on_progress: called after every step with the share of the present epoch that is done.
    """

    only_tells = True

    def __init__(
        self, on_epoch: Callable[[Row], None] | None = None, on_progress: Callable[[float], None] | None = None
    ) -> None:
        self._on_epoch, self._on_progress = on_epoch, on_progress

    def during_epoch(self, share: float) -> None:
        if self._on_progress is not None:
            self._on_progress(share)

    def recorded(self, row: Row) -> None:
        if self._on_epoch is not None:
            self._on_epoch(row)
