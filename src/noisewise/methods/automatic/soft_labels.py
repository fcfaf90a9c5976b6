"""Labels softened by a judgement: each row keeps its given label as far as it is probably right.

    q_i = r_i onehot(y_i) + k (1 - r_i) p_i
    L   = mean_i -sum q_i log f(x_i) / mean_i sum q_i

with r the probability that the given label is right, and p a prediction that has not seen the label, normalised over
the other classes. With k = 1, q is the posterior of the correct label under the judgement; with k = 0, every row is
weighted by the probability that its label is right. Where r is 1 for all rows, training is plain.

k rises with the training. A network learns early what labels have in common, and wrong predictions would only bias it;
late it would memorise labels, however small their weight.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from noisewise.methods.automatic.card import CARD
from noisewise.training.batch import Batch, one_hot
from noisewise.training.method import Method
from noisewise.training.networks import Networks


def other_classes(given: Tensor, predicted: Tensor) -> Tensor:
    """What is predicted in place of given labels.

    Args:
        given: (n,) given labels.
        predicted: (n, K) probabilities.

    Returns:
        (n, K) probabilities of the other classes, normalised; all equal where none of them has any probability.
    """
    label = one_hot(given, predicted.shape[1]).to(predicted.dtype)
    others = predicted * (1 - label)
    total = others.sum(dim=1, keepdim=True)
    even = (1 - label) / max(predicted.shape[1] - 1, 1)
    return torch.where(total > 0, others / total.clamp_min(1e-12), even)


class SoftLabels(Method):
    """Edit station: targets and weights of rows by their softened labels.

    An edit and not a target, so that an edit which mixes rows may follow.

    Args:
        right: (rows,) probability that the given label is right, by index.
        others: (rows, K) what is predicted in its place, by index; zeros for indices that are not drawn.
        trust: k at the end of the training.
        rising: whether k rises to `trust` with the share of the training that is done; otherwise it is constant.
    """

    card = CARD
    right: Tensor
    others: Tensor

    def __init__(self, right: Tensor, others: Tensor, trust: float = 1.0, rising: bool = True) -> None:
        super().__init__()
        self.trust, self.rising = trust, rising
        drawn = others.sum(dim=1) > 0
        self.mean_right = float(right[drawn].mean())
        self.register_buffer("right", right)
        self.register_buffer("others", others)

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        k = self.trust * (batch.clock.progress if self.rising else 1.0)
        right = self.right[batch.rows]
        weight = right + k * (1 - right)
        soft = right[:, None] * batch.y + k * (1 - right)[:, None] * self.others[batch.rows]
        mean = self.mean_right + k * (1 - self.mean_right)
        return replace(batch, y=soft / weight.clamp_min(1e-12)[:, None], w=batch.w * weight / mean)

    def selection(self) -> Tensor:
        return self.right
