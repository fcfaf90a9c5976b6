"""Meta-Weight-Net (Shu et al., NeurIPS 2019, arXiv 1902.07379), equations 5 to 7.

    V(l; Theta): a network 1-100-1 with ReLU and sigmoid, from a row's loss to its weight
    w' = w - a (1/n) sum V(l_i; Theta) grad l_i
    Theta <- Theta - b grad_Theta (1/m) sum L_trusted(w')
    w <- w - a (1/n) sum V(l_i; Theta) grad l_i       with the new Theta

The loss enters V detached. Weights are not normalised (the authors have versions of both kinds; `normalise`). The
meta-gradient is exact, 5 forward and 3 backward passes per row in all; `order=first` looks at the trusted gradient
without the virtual step, 4 and 2; `order=last-layer` at the last linear layer alone, 3 and 1.
"""

from __future__ import annotations

from torch import Tensor, nn

from noisewise.methods.checks import within
from noisewise.training.batch import Batch
from noisewise.training.meta import Learned
from noisewise.training.method import Card, Method, Task

CARD = Card(
    "meta-weight-net",
    "A small network learns, on a few trusted rows, how much a row with a given loss should count. Under noise it "
    "learns to distrust large losses, under imbalance to prefer them.",
    "Shu, Xie, Yi, Zhao, Zhou, Xu and Meng, Meta-Weight-Net: Learning an Explicit Mapping For Sample Weighting, "
    "NeurIPS 2019",
    2019,
    "w_i = V(l_i; Theta), Theta learned through one virtual step on trusted rows",
    stations=("edit", "weight"),
    forwards=5,
    backwards=3,
    needs_trusted=True,
    departures="the meta-gradient is exact but computed with one forward-mode pass instead of a second backward pass",
)


class WeightNet(Method):
    """Weight station: V(loss; Theta).

    Args:
        hidden: width of the hidden layer.
        normalise: divide the weights by their mean over the batch.
    """

    card = CARD

    def __init__(self, hidden: int = 100, normalise: bool = False) -> None:
        super().__init__()
        self.v = nn.Sequential(nn.Linear(1, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Sigmoid())
        self.normalise = normalise

    def prepare(self, task: Task) -> None:
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
    """A learned weight station.

    Args:
        hidden: width of V. lr, weight_decay: of V's Adam (the paper's 1e-3 and 1e-4).
        normalise: divide the weights by their mean over the batch.
        order: of the meta-gradient, "exact", "first" or "last-layer".

    Raises:
        BadInput: an option outside its range.
    """

    card = CARD

    def __init__(
        self,
        hidden: int = 100,
        lr: float = 1e-3,
        weight_decay: float = 1e-4,
        normalise: bool = False,
        order: str = "exact",
    ) -> None:
        within("meta-weight-net", "hidden", hidden, 1, 100_000)
        within("meta-weight-net", "lr", lr, 0, 10)
        super().__init__([WeightNet(hidden, normalise)], lr=lr, weight_decay=weight_decay, order=order)
