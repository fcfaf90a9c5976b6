"""Meta-Weight-Net (Shu et al., NeurIPS 2019, arXiv 1902.07379), equations 5 to 7.

    V(l; Theta): a 1-100-1 network with ReLU and sigmoid, from a row's loss to its weight
    w' = w - a (1/n) sum V(l_i; Theta) grad l_i
    Theta <- Theta - b grad_Theta (1/m) sum L_trusted(w')
    w <- w - a (1/n) sum V(l_i; Theta) grad l_i       with the new Theta

The input of V is detached. By default the weights are divided by their mean over the batch, as in the authors' program
for WRN-28-10, the paper's network under uniform noise; their program for ResNet-32, of 58,800 steps, does not divide
(`normalise`). In trainings of about a thousand steps V without division was near 1 at every loss after five epochs and
at the end; with division, which leaves the mean weight at 1, it was small at large losses both times
(`benchmarks/phases_kept_best.py`). The meta-gradient is exact, with 2 forward and 4 backward passes per row, of which
one is a derivative along the trusted gradient. `order=first` takes the trusted gradient without the virtual step, 2 and
3; `order=last-layer` that of the last linear layer only, 2 and 1. `derivative=difference` replaces one backward pass by
a forward pass, and is not exact.
"""

from __future__ import annotations

from torch import Tensor, nn

from noisewise.bounds import at_least, between, whole
from noisewise.training.batch import Batch
from noisewise.training.meta import Learned
from noisewise.training.method import LearningTask, Method, MethodCard

CARD = MethodCard(
    "meta-weight-net",
    "A small network, trained on a few trusted rows, maps a row's loss to its weight. Under label noise it learns "
    "small weights for large losses, under class imbalance large ones.",
    "Shu, Xie, Yi, Zhao, Zhou, Xu and Meng, Meta-Weight-Net: Learning an Explicit Mapping For Sample Weighting, "
    "NeurIPS 2019",
    2019,
    "w_i = V(l_i; Theta), Theta learned through one virtual step on trusted rows",
    stations=("run", "weight"),
    forwards=2,
    backwards=4,
    needs_trusted=True,
    departures="the meta-gradient is exact but computed with one derivative along the trusted gradient instead of a "
    "second backward pass; weights are divided by their mean over the batch, as in the authors' program for WRN-28-10 "
    "and not in the equation (`normalise`); V learns by Adam, as in their program for ResNet-32, where that one has "
    "SGD",
)


class WeightNet(Method):
    """Weight station: V(loss; Theta), a network from loss to weight.

    Args:
        hidden: width of the hidden layer.
        normalise: divide the weights by their mean over the batch.
    """

    card = CARD

    def __init__(self, hidden: int = 100, normalise: bool = False) -> None:
        super().__init__()
        self.v = nn.Sequential(nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Sigmoid())
        self.normalise = normalise

    def prepare(self, task: LearningTask) -> None:
        """Draw the initial weights of V."""
        for layer in self.v:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()

    def weight(self, batch: Batch) -> Tensor:
        v = self.v(batch.losses.detach()[..., None])[..., 0]
        if self.normalise:
            v = v / v.mean(dim=-1, keepdim=True).clamp_min(1e-8)
        return batch.w * v


class MetaWeightNet(Learned):
    """Weight station with a weight network learned on trusted rows.

    Args:
        hidden: width of V.
        lr: learning rate of V's Adam (the paper: 1e-3).
        weight_decay: weight decay of V's Adam (the paper: 1e-4).
        normalise: divide the weights by their mean over the batch. Not to be combined with a large lr such as 0.01.
        order: form of the meta-gradient, "exact", "first" or "last-layer".
        derivative: of the logits along the trusted gradient, "exact" or "difference".
    """

    card = CARD
    bounds = {"hidden": whole(1, 100_000), "lr": between(0, 10), "weight_decay": at_least(0)}

    def __init__(
        self,
        hidden: int = 100,
        lr: float = 1e-3,
        weight_decay: float = 1e-4,
        normalise: bool = True,
        order: str = "exact",
        derivative: str = "exact",
    ) -> None:
        super().__init__(
            [WeightNet(hidden, normalise)], lr=lr, weight_decay=weight_decay, order=order, derivative=derivative
        )
