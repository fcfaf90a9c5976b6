"""Labels softened by a judgement: each row keeps its given label as far as it is probably right.

    q_i = r_i onehot(y_i) + k (1 - r_i) p_i without y_i
    L   = mean_i -sum q_i log f(x_i) / mean_i sum q_i

with r the probability that the given label is right, and p a prediction that has not seen the label, normalised over
the other classes. With k = 1, q is the posterior of the correct label under the judgement; with k = 0, every row is
weighted by the probability that its label is right. In between, rows with doubtful labels count less. Where r is 1 for
all rows, training is plain.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from noisewise.methods.automatic.card import CARD
from noisewise.training.batch import Batch, one_hot
from noisewise.training.method import Method
from noisewise.training.networks import Networks


def softened(given: Tensor, right: Tensor, predicted: Tensor, trust: float = 1.0) -> Tensor:
    """What rows learn: their given label as far as it is right, and for the rest what was predicted in its place.

    Args:
        given: (n,) given labels.
        right: (n,) probabilities that they are right, r.
        predicted: (n, K) probabilities of classes; that of the given label is not used.
        trust: k, in [0, 1], how much predictions count next to labels.

    Returns:
        (n, K) q; a row's sum is its weight, r + k (1 - r). Where no other class has any probability, all others are
        equally probable.
    """
    label = one_hot(given, predicted.shape[1]).to(predicted.dtype)
    others = predicted * (1 - label)
    total = others.sum(dim=1, keepdim=True)
    even = (1 - label) / max(predicted.shape[1] - 1, 1)
    others = torch.where(total > 0, others / total.clamp_min(1e-12), even)
    return right[:, None] * label + trust * (1 - right[:, None]) * others


class SoftLabels(Method):
    """Edit station: targets and weights of rows by their softened labels.

    An edit and not a target, so that an edit which mixes rows may follow.

    Args:
        soft: (rows, K) softened labels by index, whose sums are the weights; zeros for indices that are not drawn.
        right: (rows,) probability that the given label is right, by index.
    """

    card = CARD
    soft: Tensor
    weights: Tensor
    right: Tensor

    def __init__(self, soft: Tensor, right: Tensor) -> None:
        super().__init__()
        sums = soft.sum(dim=1)
        drawn = sums > 0
        self.register_buffer("soft", soft / sums.clamp_min(1e-12)[:, None])
        self.register_buffer("weights", sums / sums[drawn].mean())
        self.register_buffer("right", right)

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        return replace(batch, y=self.soft[batch.rows], w=batch.w * self.weights[batch.rows])

    def selection(self) -> Tensor:
        return self.right
