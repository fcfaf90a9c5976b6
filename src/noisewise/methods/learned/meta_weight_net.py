"""Meta-Weight-Net (Shu et al., NeurIPS 2019, arXiv 1902.07379), equations 5 to 7.

    V(l; Theta): a 1-100-1 network with ReLU and sigmoid, from a row's loss to its weight
    w' = w - a (1/n) sum V(l_i; Theta) grad l_i
    Theta <- Theta - b grad_Theta (1/m) sum L_trusted(w')
    w <- w - a (1/n) sum V(l_i; Theta) grad l_i       with the new Theta

The input of V is detached. Two of the authors' settings keep V from learning in trainings of a thousand steps:

- Undivided weights. While the network learns, every row's step lowers the trusted loss, so V grows at all losses until
  its sigmoid is saturated. The meta-gradient through V is then near zero. What moves V again is the L2 penalty in its
  Adam, which rescales the penalty to whole steps; without the penalty V stays at 1 and training is plain. Weights
  divided by their mean over the batch have no common factor to grow (`normalise`), as in the authors' program for
  WRN-28-10; their program for ResNet-32, of 58,800 steps, does not divide.
- A penalty as decay. With 1e-4 it is weaker than the meta-gradient as long as there is one, and V may drift until it
  saturates; with 1e-3 it holds V back. Decay apart from Adam's rescaling (`optimizer="adamw"`), 0.3 times the
  learning rate a step, keeps V in reach without choosing its direction.

Learning rate, division and decay were chosen on MNIST (`benchmarks/weight_network.py`), where the method then gains
without decay as well. The initial bias of V did not matter there.

The meta-gradient is exact, with 2 forward and 4 backward passes per row, of which one is a derivative along the trusted
gradient. `order=first` takes the trusted gradient without the virtual step, 2 and 3; `order=last-layer` that of the
last linear layer only, 2 and 1. `derivative=difference` replaces one backward pass by a forward pass, and is not exact.
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
    "and not in the equation (`normalise`): undivided, V goes to 1 at every loss and stays there, unless its own "
    "weight decay brings it back; V learns by AdamW with a decay of 0.3, by Adam with 1e-4 in theirs for ResNet-32 "
    "(`optimizer`, `weight_decay`; the presets have theirs)",
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
        lr: learning rate of V. With ten times the default V saturates within an epoch.
        weight_decay: of V. With "adamw" V shrinks by `lr` times this in a step; else it is a penalty (the authors: 1e-4
            with "adam", 5e-4 with "sgd").
        optimizer: of V, "adamw", "adam" or "sgd" (momentum 0.9).
        normalise: divide the weights by their mean over the batch.
        order: form of the meta-gradient, "exact", "first" or "last-layer".
        derivative: of the logits along the trusted gradient, "exact" or "difference".
    """

    card = CARD
    bounds = {"hidden": whole(1, 100_000), "lr": between(0, 10), "weight_decay": at_least(0)}

    def __init__(
        self,
        hidden: int = 100,
        lr: float = 1e-3,
        weight_decay: float = 0.3,
        optimizer: str = "adamw",
        normalise: bool = True,
        order: str = "exact",
        derivative: str = "exact",
    ) -> None:
        super().__init__(
            [WeightNet(hidden, normalise)],
            lr=lr,
            weight_decay=weight_decay,
            optimizer=optimizer,
            order=order,
            derivative=derivative,
        )
