"""Linear soft weighting (Jiang et al., ACM Multimedia 2014), the equation of the linear self-paced function.

    v = max(0, 1 - l / lambda),    the minimiser of v l + lambda (v^2 / 2 - v) over [0, 1]

Easier rows get larger weights, and rows with a loss above lambda none. Lambda is a running percentile of the losses, as
for `self-paced`. Soft weights favour the easiest classes.
"""

from __future__ import annotations

from torch import Tensor

from noisewise.methods.rate import SELF_SET
from noisewise.methods.weights.curriculum import Curriculum
from noisewise.training.batch import Batch
from noisewise.training.method import MethodCard


def linear_weights(losses: Tensor, threshold: Tensor | float) -> Tensor:
    """(N, B) weights that fall linearly from one at loss zero to zero at the threshold (N, 1)."""
    return (1 - losses / threshold).clamp(0, 1)


class LinearWeighting(Curriculum):
    """Weight station: weights fall linearly with the loss, to zero at a running percentile.

    Args:
        keep: share of the rows to keep; None keeps one minus the stated or estimated noise rate.
        burn_in: share of the training in which every row counts; None until learning has settled.
        decay: decay of the running average of the threshold.
    """

    card = MethodCard(
        "linear-weighting",
        "Easier rows get larger weights: the weight falls linearly with the loss. It is zero above a threshold, a "
        "running percentile of the losses.",
        "Jiang, Meng, Mitamura and Hauptmann, Easy Samples First: Self-paced Reranking for Zero-Example Multimedia "
        "Search, ACM Multimedia 2014",
        2014,
        "v = max(0, 1 - l / lambda)",
        departures="lambda is a running percentile instead of an annealed value; "
        f"every row counts until learning has settled; {SELF_SET}",
    )

    def __init__(self, keep: float | None = None, burn_in: float | None = None, decay: float = 0.9) -> None:
        super().__init__(keep, burn_in, decay)

    def curriculum(self, batch: Batch) -> Tensor:
        return linear_weights(batch.losses, self.threshold)
