"""Hard example mining (Shrivastava, Gupta and Girshick, CVPR 2016), the algorithm that trains on the largest losses.

    v = 1 if l >= lambda else 0,    the maximiser of v l - lambda v over [0, 1]

The opposite of self-paced learning. Rows with wrong labels have large losses, so it is for rare classes, not for noise.
Lambda is a running percentile of the losses in place of a number of rows per batch. Where one of two classes is rare,
`positive` keeps all of its rows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between, whole
from noisewise.errors import BadInput
from noisewise.methods.weights.curriculum import Curriculum, mean_one
from noisewise.training.batch import Batch
from noisewise.training.method import LearningTask, MethodCard


def hard_mining_weights(losses: Tensor, threshold: Tensor | float) -> Tensor:
    """(N, B) ones where the loss is at least the threshold (N, 1), else zeros."""
    return (losses >= threshold).to(losses.dtype)


class HardMining(Curriculum):
    """Weight station: keep only rows with a loss above a running percentile.

    Args:
        keep: share of the rows to keep.
        positive: a class whose rows are always kept, as a number from 0; None for none.
        burn_in: share of the training in which every row counts.
        decay: decay of the running average of the threshold.
    """

    card = MethodCard(
        "hard-mining",
        "Train only on hard rows, those with large losses. It is meant for rare classes; rows with wrong labels are "
        "hard too.",
        "Shrivastava, Gupta and Girshick, Training Region-based Object Detectors with Online Hard Example Mining, "
        "CVPR 2016",
        2016,
        "v = 1[l >= lambda]",
        departures="lambda is a running percentile instead of a number of rows per batch; weights have mean one",
    )
    bounds = {"keep": between(0.01, 1), "positive": whole(0) | None}

    def __init__(
        self, keep: float = 0.5, positive: int | None = None, burn_in: float | None = 0.15, decay: float = 0.9
    ) -> None:
        super().__init__(keep, burn_in, decay)
        self.easy, self.positive = 1 - keep, positive

    def prepare(self, task: LearningTask) -> None:
        """Allocate the memory of a curriculum.

        Raises:
            BadInput: there is no class `positive`.
        """
        if self.positive is not None and self.positive >= task.classes:
            raise BadInput(f"hard-mining: positive={self.positive} must be below the number of classes, {task.classes}")
        super().prepare(task)

    @property
    def below(self) -> float:
        return self.easy

    def curriculum(self, batch: Batch) -> Tensor:
        v = hard_mining_weights(batch.losses, self.threshold)
        return v if self.positive is None else torch.maximum(v, batch.y[..., self.positive].to(v.dtype))

    def weight(self, batch: Batch) -> Tensor:
        return batch.w if self.burning_in(batch.clock) else batch.w * mean_one(self.counts(batch))

    def selection(self) -> None:
        """None: a hard row is not a clean one."""
