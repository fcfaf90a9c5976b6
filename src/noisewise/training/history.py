"""The history of a training, and the rules that choose the epoch to keep without clean labels.

A rule reads the history of the epochs so far:

    validation     the epoch with the best accuracy on held-out rows with their given labels. Under symmetric noise of
                   rate r it is E[noisy accuracy] = (1 - r) a + r (1 - a) / (K - 1), rising in the clean accuracy a:
                   the same epoch is best on both.
    label-wave     the first local minimum of the moving average of prediction changes, the share of training rows
                   whose predicted class changed since the epoch before (Yuan, Feng and Liu, Early Stopping Against
                   Label Noise Without Validation Data, ICLR 2024, section 4).
    agreement      the plateau of agreement, the share of training rows predicted as their given label. Agreement rises
                   more slowly while the last clean rows are fitted, and faster when memorising begins; the rule
                   chooses the first local minimum of the moving average of its rise.
    last           the weights that the training ends with: the last epoch; where the last fit kept its best epoch
                   (`keep_best` of `Training.fit`), that one.

Every rule uses past epochs only, so it can be applied after every epoch; a local minimum is accepted once `PATIENCE`
epochs have not gone below it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

WINDOW = 3
PATIENCE = 3


def best_validation(history: Rows) -> int:
    """The position of the first epoch with the largest `validation_accuracy`; the last epoch where there is none."""
    known = [row.get("validation_accuracy", float("nan")) for row in history]
    best = len(history) - 1
    for epoch in reversed(range(len(known))):
        if known[epoch] >= known[best]:
            best = epoch
    return best


def label_wave(history: Rows) -> int:
    """The position of the first local minimum of the averaged `prediction_changes`."""
    return first_minimum(moving_average([row["prediction_changes"] for row in history]))


def agreement_plateau(history: Rows) -> int:
    """The position of the first local minimum of the averaged rise of `train_accuracy`."""
    values = [row["train_accuracy"] for row in history]
    rises = [float("inf"), *(b - a for a, b in pairwise(values))]
    return first_minimum(moving_average(rises))


def last(history: Rows) -> int:
    """The position of the last epoch; where the last fit kept its best epoch, of that one."""
    return max((i for i, row in enumerate(history) if row.get("kept", True)), default=len(history) - 1)


RULES: dict[str, Callable[[Rows], int]] = {
    "validation": best_validation,
    "label-wave": label_wave,
    "agreement": agreement_plateau,
    "last": last,
}


def moving_average(values: Sequence[float], window: int = WINDOW) -> list[float]:
    """Means over the last `window` values; infinite where there are not yet so many."""
    return [
        sum(values[end - window : end]) / window if end >= window else float("inf") for end in range(1, len(values) + 1)
    ]


def first_minimum(values: Sequence[float], patience: int = PATIENCE) -> int:
    """The position of the first value that the next `patience` values do not go below; else of the smallest so far.

    Values that are not finite are skipped; while there is no finite one, the last position is returned.
    """
    best = None
    for position, value in enumerate(values):
        if best is not None and position - best > patience:
            break
        if value < float("inf") and (best is None or value < values[best]):
            best = position
    return len(values) - 1 if best is None else best


class History(list[Row]):
    """One row per recorded epoch, oldest first.

    Args:
        rule: of `RULES`, which chooses the epoch to keep.
        patience: how many epochs to train beyond the chosen one; None trains to the end.
    """

    def __init__(self, rule: str, patience: int | None = None) -> None:
        super().__init__()
        self._rule, self._patience = RULES[rule], patience

    def choose_by(self, rule: str) -> None:
        """Choose the epoch to keep by another rule, of `RULES`, from the next row on."""
        self._rule = RULES[rule]

    def record(self, row: Row) -> bool:
        """Append a row, with its column `selected`.

        Returns:
            Whether the rule chooses this epoch, among those so far.
        """
        self.append(row)
        row["selected"] = self._rule(self) == len(self) - 1
        return bool(row["selected"])

    @property
    def stopped(self) -> bool:
        """Whether the chosen epoch is `patience` or more epochs ago."""
        if self._patience is None or not self:
            return False
        chosen = max(i for i, row in enumerate(self) if row["selected"])
        return len(self) - 1 - chosen >= self._patience


class Best:
    """The tensors of one fit as they were after its best epoch so far.

    Args:
        tensors: by name. They are those that training changes, so that they can be put back.
        stored: what `state_dict` returned before an interruption.
    """

    def __init__(self, tensors: Mapping[str, Tensor], stored: Mapping[str, Any] | None = None) -> None:
        self._tensors = tensors
        self._kept: dict[str, Any] = dict(stored or {})

    def offer(self, score: float) -> bool:
        """Keep the present tensors if the score is higher than all before.

        Args:
            score: of the epoch just finished; higher is better.

        Returns:
            Whether it is.
        """
        better = not self._kept or score > self._kept["score"]
        if better:
            copies = {name: tensor.detach().clone() for name, tensor in self._tensors.items()}
            self._kept = {"score": score, "tensors": copies}
        self._kept["latest"] = better
        return better

    @torch.no_grad()
    def put_back(self) -> bool:
        """Give the tensors the values of the best epoch.

        Returns:
            Whether they had changed since.
        """
        if not self._kept or self._kept["latest"]:
            return False
        for name, tensor in self._tensors.items():
            tensor.copy_(self._kept["tensors"][name])
        return True

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint stores."""
        return self._kept
