"""Linear soft weighting (Jiang et al., ACM Multimedia 2014), the equation of the linear self-paced function.

    v = max(0, 1 - l / lambda),    the minimiser of v l + lambda (v^2 / 2 - v) over [0, 1]

The easier a row, the more it counts, and from lambda on not at all. Lambda is a running percentile of the losses, as
for `self-paced`, and the weights have mean one over the batch. Soft weights favour the easiest classes, and a class
that is not learned when they begin is lost, so that the burn-in is long.
"""

from __future__ import annotations

from torch import Tensor

from noisewise.methods.weights.curriculum import Curriculum
from noisewise.training.batch import Batch
from noisewise.training.method import Card


def linear_weights(losses: Tensor, threshold: Tensor | float) -> Tensor:
    """(N, B) weights that fall linearly from one at loss zero to zero at the threshold (N, 1)."""
    return (1 - losses / threshold).clamp(0, 1)


class LinearWeighting(Curriculum):
    """Weight station: rows count less the larger their loss, and not at all above a running percentile.

    Args:
        keep: share of the rows that counts; None keeps one minus the stated or estimated noise rate.
        burn_in: share of the training in which every row counts.
        decay: of the running average of the threshold.

    Raises:
        BadInput: an option outside its range.
    """

    card = Card(
        "linear-weighting",
        "The easier a row, the more it counts: its weight falls linearly with the loss. Beyond a threshold that "
        "follows a percentile of the losses it does not count.",
        "Jiang, Meng, Mitamura and Hauptmann, Easy Samples First: Self-paced Reranking for Zero-Example Multimedia "
        "Search, ACM Multimedia 2014",
        2014,
        "v = max(0, 1 - l / lambda)",
        departures="lambda is a running percentile instead of a value that anneals; weights have mean one",
    )

    def __init__(self, keep: float | None = None, burn_in: float = 0.4, decay: float = 0.9) -> None:
        super().__init__("linear-weighting", keep, burn_in, decay)

    def curriculum(self, batch: Batch) -> Tensor:
        return linear_weights(batch.losses, self.threshold)
