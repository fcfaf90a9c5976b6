"""Observers: what follows a training from outside and never changes it (the field's callbacks).

An observer measures, reports or keeps; whatever changes the training is a method. The trainer calls every observer of
its list, in order, and writes the numbers that `after_epoch` returns into the row of the history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noisewise.training.method import Method
    from noisewise.training.trainer import Training

Row = dict[str, Any]


class Observer:
    """Follows a training. The base does nothing; override what is of interest.

    An observer leaves networks, memories and the global random state as they are.
    """

    def before(self, training: Training) -> None:
        """Called once, before the first epoch; what cannot be observed is refused here.

        Args:
            training: ready to train; nothing has been trained yet.
        """

    def during_epoch(self, share: float) -> None:
        """Called after every step.

        Args:
            share: of the present epoch that is done, in (0, 1].
        """

    def after_epoch(self, training: Training, method: Method) -> Row:
        """Called after every epoch that is recorded, when it has been evaluated.

        Args:
            training: after the epoch; its history does not have this epoch yet.
            method: what has trained.

        Returns:
            Columns of this epoch's row of the history.
        """
        return {}

    def recorded(self, row: Row) -> None:
        """Called when an epoch's row is complete and in the history.

        Args:
            row: of the history.
        """


class Callbacks(Observer):
    """Functions as an observer.

    Args:
        on_epoch: called with every row of the history.
        on_progress: called after every step with the share of the present epoch that is done.
    """

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
