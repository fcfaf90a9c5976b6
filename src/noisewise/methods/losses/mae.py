"""Mean absolute error (Ghosh, Kumar and Sastry, AAAI 2017), theorem 1.

    L = ||e_y - p||_1 = 2 (1 - p_y)

Summed over all labels, the loss is the constant 2 (K - 1) for every prediction. By theorem 1 such a symmetric loss has
the same minimiser with and without symmetric noise, as long as the noise rate is below 1 - 1/K. The price is a gradient
with the factor p_y: with many classes training starts very slowly. The scale is the paper's; other code often omits the
factor 2. Soft targets average the loss over their classes.
"""

from __future__ import annotations

from torch import Tensor

from noisewise.training.batch import Batch, distributions
from noisewise.training.method import Method, MethodCard


def mean_absolute_error(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean absolute error 2 (1 - p_y) = ||e_y - p||_1 (Ghosh et al. 2017).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.

    Returns:
        (..., B) per-sample losses.
    """
    return 2 * (distributions(logits, targets) * (1 - logits.softmax(dim=-1))).sum(dim=-1)


class MAE(Method):
    """Loss station: the L1 distance between prediction and label in place of cross entropy."""

    card = MethodCard(
        "mae",
        "A symmetric, bounded loss whose minimiser does not change under symmetric noise. It learns slowly when there "
        "are many classes.",
        "Ghosh, Kumar and Sastry, Robust Loss Functions under Label Noise for Deep Neural Networks, AAAI 2017",
        2017,
        "L = 2 (1 - p_y)",
    )

    def loss(self, batch: Batch) -> Tensor:
        return mean_absolute_error(batch.scores, batch.y)
