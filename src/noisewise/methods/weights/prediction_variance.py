"""Active bias by prediction variance (Chang et al., NeurIPS 2017), the equation of weighting by it (SGD-WPV).

    s = sqrt(Var(H) + Var(H)^2 / (|H| - 1)),    v = (s + eps) / z,    z so that v has mean one over the rows

H is the history of a row's predicted probabilities of the given label, one per epoch. Rows whose prediction varies get
larger weights than those that are consistently right or wrong. Var is the unbiased variance, kept as running moments by
Welford's algorithm: three numbers per row for any length of history. eps is the mean of s, so that every weight is at
least 1/2. A row with fewer than two observations has weight one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch
from noisewise.training.method import EpochEnd, LearningTask, Method, MethodCard


def variance_weights(variance: Tensor, count: Tensor, smooth: float) -> Tensor:
    """Weights from the variances of predictions, with mean one.

    Args:
        variance: (..., n).
        count: (..., n) number of observations, above 1.
        smooth: eps, as a multiple of the mean of s.

    Returns:
        (..., n) weights; ones where no row varies.
    """
    s = (variance + variance**2 / (count - 1)).sqrt()
    mean = s.mean(dim=-1, keepdim=True)
    v = (s + smooth * mean) / ((1 + smooth) * mean).clamp_min(torch.finfo(s.dtype).tiny)
    return torch.where(mean > 0, v, 1.0)


class PredictionVariance(Method):
    """Weight station: rows whose prediction varies get larger weights. Remembers running moments per row.

    Args:
        burn_in: share of the training in which all rows have weight one.
        smooth: eps, as a multiple of the mean of s.
    """

    card = MethodCard(
        "prediction-variance",
        "Rows whose prediction varies between epochs get larger weights. Easy rows and rows that are never fitted get "
        "smaller ones.",
        "Chang, Learned-Miller and McCallum, Active Bias: Training More Accurate Neural Networks by Emphasizing High "
        "Variance Samples, NeurIPS 2017",
        2017,
        "v = (sqrt(Var + Var^2 / (|H| - 1)) + eps) / z",
        departures="weights change between epochs, not between steps; the burn-in is a share of the training",
    )
    bounds = {"burn_in": between(0, 1), "smooth": between(0, 1e6)}
    remembers_rows = True
    count: Tensor
    mean: Tensor
    squares: Tensor
    weights: Tensor

    def __init__(self, burn_in: float = 0.2, smooth: float = 1.0) -> None:
        super().__init__()
        self.burn_in, self.smooth = burn_in, smooth

    def prepare(self, task: LearningTask) -> None:
        """Allocate count, mean and sum of squared deviations of the observations, and the weights, (N, rows) each."""
        for name in ("count", "mean", "squares"):
            self.register_buffer(name, torch.zeros(task.networks, task.rows, device=task.given.device))
        self.register_buffer("weights", torch.ones(task.networks, task.rows, device=task.given.device))

    def weight(self, batch: Batch) -> Tensor:
        if batch.clock.progress < self.burn_in:
            return batch.w
        return batch.w * self.weights[:, batch.rows]

    def observe(self, batch: Batch) -> None:
        """Update the moments by Welford's algorithm."""
        p = (batch.scores.softmax(dim=-1) * batch.y).sum(dim=-1).to(self.mean.dtype)
        at = batch.rows
        count = self.count[:, at] + 1
        moved = p - self.mean[:, at]
        mean = self.mean[:, at] + moved / count
        self.squares[:, at] += moved * (p - mean)
        self.mean[:, at], self.count[:, at] = mean, count

    def refit(self, epoch_end: EpochEnd) -> None:
        known = (self.count > 1).all(dim=0)
        if known.any():
            count = self.count[:, known]
            self.weights[:, known] = variance_weights(self.squares[:, known] / (count - 1), count, self.smooth)
