"""Meta-Weight-Net (Shu et al., NeurIPS 2019, arXiv 1902.07379), equations 5 to 7.

    V(l; Theta): a 1-100-1 network with ReLU and sigmoid, from a row's loss to its weight
    w' = w - a (1/n) sum V(l_i; Theta) grad l_i
    Theta <- Theta - b grad_Theta (1/m) sum L_trusted(w')
    w <- w - a (1/n) sum V(l_i; Theta) grad l_i       with the new Theta

The input of V is detached. What moves V was measured on MNIST (`benchmarks/methods/weight_network.py`), and is shown on
Fashion-MNIST by the study `meta-weight-net`:

- Undivided weights have a factor in common. While the network learns, the step of almost any row lowers the trusted
  loss, so V grows at all losses. If it arrives at 1 before wrong rows hurt, its sigmoid is saturated, there is no
  meta-gradient through it, and training stays plain: in 1,200 steps under flips at the authors' learning rate, and
  under uniform noise at ten times that, or where V starts low. Then only the decay of V's optimiser moves it. In 6,000
  steps on more rows V turns in time, and undivided weights are as good as divided ones or better.
- Weights divided by their mean over the batch have no such factor (`normalise`), as in the authors' program for
  WRN-28-10; their program for ResNet-32, of 58,800 steps, does not divide. With division V learns without decay too.
- In 6,000 steps under uniform noise V rises to 1 at large losses even so. Decay apart from Adam's rescaling
  (`optimizer="adamw"`), 0.3 times the learning rate a step, brings it back in time: 86 % rather than 82 % without decay
  and 85 % with the authors' penalty of 1e-4. A decay of 1 flattens V under flips (67 % rather than 73 in 1,200 steps).

Division and decay are the best there on average over uniform noise, flips and both lengths, of one or two seeds. A
learning rate of 0.003 is better under flips in 1,200 steps (86 %), but under a long tail it costs 3 points, where 0.001
costs none and gains none.

The meta-gradient is exact, with 2 forward and 4 backward passes per row, of which one is a derivative along the trusted
gradient. `order=first` takes the trusted gradient without the virtual step, 2 and 3; `order=last-layer` that of the
last linear layer only, 2 and 1. `derivative=difference` replaces one backward pass by a forward pass, and is not exact.
"""

from __future__ import annotations

import torch
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
    "and not in the equation (`normalise`): undivided, V may go to 1 at every loss, where it has no gradient, and then "
    "training is plain unless the decay of V brings it back; V learns by AdamW with a decay of 0.3, by Adam with 1e-4 "
    "in theirs for ResNet-32 (`optimizer`, `weight_decay`; the presets have theirs)",
)


class WeightNet(Method):
    """Weight station: V(loss; Theta), a network from loss to weight.

    Args:
        hidden: width of the hidden layer.
        normalise: divide the weights by their mean over the batch.
        bias: added to the initial bias of V's output.
    """

    card = CARD

    def __init__(self, hidden: int = 100, normalise: bool = False, bias: float = 0.0) -> None:
        super().__init__()
        self.bias = bias
        self.v = nn.Sequential(nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Sigmoid())
        self.normalise = normalise

    def prepare(self, task: LearningTask) -> None:
        """Draw the initial weights of V."""
        for layer in self.v:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        output = self.v[2]
        assert isinstance(output, nn.Linear)
        with torch.no_grad():
            output.bias.add_(self.bias)

    def weight(self, batch: Batch) -> Tensor:
        v = self.v(batch.losses.detach()[..., None])[..., 0]
        if self.normalise:
            v = v / v.mean(dim=-1, keepdim=True).clamp_min(1e-8)
        return batch.w * v


class MetaWeightNet(Learned):
    """Weight station with a weight network learned on trusted rows.

    Args:
        hidden: width of V.
        lr: learning rate of V. With ten times the default V saturates within a few epochs.
        weight_decay: of V. With "adamw" V shrinks by `lr` times this in a step; else it is a penalty (the authors: 1e-4
            with "adam", 5e-4 with "sgd").
        optimizer: of V, "adamw", "adam" or "sgd" (momentum 0.9).
        normalise: divide the weights by their mean over the batch.
        bias: added to the initial bias of V's output; 0 starts with weights near 0.5, 3 near 0.95.
        order: form of the meta-gradient, "exact", "first" or "last-layer".
        derivative: of the logits along the trusted gradient, "exact" or "difference".
    """

    card = CARD
    bounds = {
        "hidden": whole(1, 100_000),
        "lr": between(0, 10),
        "weight_decay": at_least(0),
        "bias": between(-100, 100),
    }

    def __init__(
        self,
        hidden: int = 100,
        lr: float = 1e-3,
        weight_decay: float = 0.3,
        optimizer: str = "adamw",
        normalise: bool = True,
        bias: float = 0.0,
        order: str = "exact",
        derivative: str = "exact",
    ) -> None:
        super().__init__(
            [WeightNet(hidden, normalise, bias)],
            lr=lr,
            weight_decay=weight_decay,
            optimizer=optimizer,
            order=order,
            derivative=derivative,
        )
