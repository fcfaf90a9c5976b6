"""Self-paced learning (Kumar, Packer and Koller, NeurIPS 2010), equation 4, with a threshold by percentile.

    v = 1 if l <= lambda else 0,    the minimiser of v l - lambda v over [0, 1]

A fixed lambda drops all rows early in training. Lambda is therefore the running average of a percentile of the batch
losses, as in MentorNet's self-paced curriculum (Jiang et al., ICML 2018). Weights are divided by their mean over the
batch, so that the size of the step does not depend on how many rows are kept.
"""

from __future__ import annotations

from torch import Tensor

from noisewise.methods.rate import SELF_SET
from noisewise.methods.weights.curriculum import Curriculum
from noisewise.training.batch import Batch
from noisewise.training.method import MethodCard


def self_paced_weights(losses: Tensor, threshold: Tensor | float) -> Tensor:
    """(N, B) ones where the loss is at most the threshold (N, 1), else zeros."""
    return (losses <= threshold).to(losses.dtype)


class SelfPaced(Curriculum):
    """Weight station: keep only rows with a loss below a running percentile.

    Args:
        keep: share of the rows to keep; None keeps one minus the stated or estimated noise rate.
        burn_in: share of the training in which every row counts; None until learning has settled.
        decay: decay of the running average of the threshold.
    """

    card = MethodCard(
        "self-paced",
        "Train only on easy rows, those with small losses. The threshold follows a percentile of the losses.",
        "Kumar, Packer and Koller, Self-Paced Learning for Latent Variable Models, NeurIPS 2010",
        2010,
        "v = 1[l <= lambda]",
        departures="lambda is a running percentile (MentorNet) instead of an annealed value; "
        f"every row counts until learning has settled; {SELF_SET}",
    )

    def __init__(self, keep: float | None = None, burn_in: float | None = None, decay: float = 0.9) -> None:
        super().__init__(keep, burn_in, decay)

    def curriculum(self, batch: Batch) -> Tensor:
        return self_paced_weights(batch.losses, self.threshold)
