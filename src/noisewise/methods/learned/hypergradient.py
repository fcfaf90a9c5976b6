"""Hypergradient descent (Baydin et al., ICLR 2018, arXiv 1703.04782), algorithm 4 (SGD-HD) and its multiplicative rule,
extended to the weight decay.

A step is w_t = w_{t-1} - a m u_{t-1}, with the schedule's learning rate a and a learned multiplier m. The derivatives
of L(w_t) by m and by a weight decay d of that step are

    dL(w_t)/dm = -a <u_{t-1}, grad L(w_t)>,     dL(w_t)/dd = -a <w_{t-1}, grad L(w_t)>

Before the next step both are updated: m <- m (1 + r cos(w_{t-1} - w_t, g)) and d <- d (1 + r cos(w_{t-1}, g)), where g
is the gradient of the training loss (the paper's) or of the loss on trusted rows. w_{t-1} - w_t is the step of the
optimiser, with its momentum. `rule=additive` is algorithm 4 as written, a m <- a m + r <u_{t-1}, g>, whose rate r needs
tuning for every problem. Decay improves generalisation, not the training loss, so it is learned on trusted rows only.

m scales the gradient and d w is added to it; the optimiser's own decay is unchanged. Adam divides by the size of the
gradient, so m has almost no effect there. Passes per row: 1 forward and 1 backward, and one more of each with trusted
rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from noisewise.bounds import between, check, one_of
from noisewise.errors import BadInput
from noisewise.training.batch import Batch
from noisewise.training.meta import TRUSTED, trusted_gradient
from noisewise.training.method import Gradients, LearningTask, Method, MethodCard, Regrad
from noisewise.training.networks import Networks

_TINY = 1e-30


def inner(one: Gradients, other: Gradients) -> Tensor:
    """The inner product of two sets of tensors with the same names."""
    return torch.stack([(one[name] * other[name]).sum() for name in one]).sum()


def cosine(one: Gradients, other: Gradients) -> Tensor:
    """The cosine of the angle between two sets of tensors; 0 where one of them is zero."""
    return inner(one, other) / (inner(one, one) * inner(other, other)).sqrt().clamp_min(_TINY)


class Hypergradient(Method):
    """Gradient station: learns a multiplier of the learning rate, and a weight decay.

    Args:
        learn: "lr", "weight-decay" or "both".
        on: "training" or "trusted", the rows whose loss is minimised; None is "training" for lr alone, else "trusted".
        rate: r, how fast they change.
        rule: "multiplicative" or "additive", for the learning rate.
        bound: m stays in [1 / bound, bound].
        decay: initial d; it stays in [decay / 100, 100 decay].

    Raises:
        BadInput: a weight decay to be learned on the training loss.
    """

    card = MethodCard(
        "hypergradient",
        "The learning rate follows its own gradient: it rises while successive steps agree and falls when they "
        "cancel. On trusted rows the weight decay can be learned the same way.",
        "Baydin, Cornish, Martinez Rubio, Schmidt and Wood, Online Learning Rate Adaptation with Hypergradient "
        "Descent, ICLR 2018",
        2018,
        "m <- m (1 + r cos(w_{t-1} - w_t, grad L(w_t)))",
        departures="it multiplies the schedule's learning rate, within bounds; the multiplicative rule is the default; "
        "the step is the optimiser's, momentum included; weight decay and trusted rows are extensions",
    )
    bounds = {
        "learn": one_of("lr", "weight-decay", "both"),
        "on": one_of("training", TRUSTED) | None,
        "rate": between(0, 1e9),
        "rule": one_of("multiplicative", "additive"),
        "bound": between(1, 1e6),
        "decay": between(1e-12, 1),
    }
    multiplier: Tensor
    decay: Tensor
    last_lr: Tensor

    def __init__(
        self,
        learn: str = "lr",
        on: str | None = None,
        rate: float = 0.02,
        rule: str = "multiplicative",
        bound: float = 10.0,
        decay: float = 5e-4,
    ) -> None:
        super().__init__()
        if rule == "multiplicative":
            check("hypergradient", "rate", rate, between(0, 0.5))
        if learn != "lr" and on == "training":
            raise BadInput(f"hypergradient: learn={learn!r} needs on='trusted'")
        self.learns_lr, self.learns_decay = learn != "weight-decay", learn != "lr"
        self.trusts = on == TRUSTED or learn != "lr"
        self.auxiliary = (TRUSTED,) if self.trusts else ()
        self.rate, self.rule, self.bound, self.start = rate, rule, bound, decay
        self._before: Gradients = {}
        self._goal: Gradients = {}
        self._next: tuple[Tensor, Tensor, Gradients] | None = None

    def prepare(self, task: LearningTask) -> None:
        """Allocate m, d and the learning rate of the last step."""
        device = task.given.device
        self.register_buffer("multiplier", torch.ones((), device=device))
        self.register_buffer("decay", torch.tensor(self.start if self.learns_decay else 0.0, device=device))
        self.register_buffer("last_lr", torch.zeros((), device=device))

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        """Compute the gradient on trusted rows, where it is needed."""
        if self.trusts:
            self._goal = trusted_gradient(nets, nets.trainable(), batch.auxiliary[TRUSTED])
        return batch

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        goal = self._goal if self.trusts else gradients
        m, d = self._learned(goal, params, batch.clock.lr) if self._before else (self.multiplier, self.decay)
        # `gradient` must not write memory: `observe`, at the end of the step, does.
        self._next = m, d, {name: p.detach().clone() for name, p in params.items()}
        return {name: m * g + d * params[name] for name, g in gradients.items()}

    def _learned(self, goal: Gradients, params: Gradients, lr: float) -> tuple[Tensor, Tensor]:
        m, d = self.multiplier, self.decay
        before = {name: value.to(params[name]) for name, value in self._before.items()}
        if self.learns_lr:
            moved = {name: before[name] - p for name, p in params.items()}
            if self.rule == "multiplicative":
                m = m * (1 + self.rate * cosine(moved, goal))
            else:
                m = m + self.rate * inner(moved, goal) / (lr * self.last_lr * m).clamp_min(_TINY)
            m = m.clamp(1 / self.bound, self.bound)
        if self.learns_decay:
            d = (d * (1 + self.rate * cosine(before, goal))).clamp(self.start / 100, self.start * 100)
        return m, d

    def observe(self, batch: Batch) -> None:
        if self._next is not None:
            m, d, self._before = self._next
            self.multiplier.copy_(m)
            self.decay.copy_(d)
            self.last_lr.fill_(batch.clock.lr)
            self._next = None

    def get_extra_state(self) -> dict[str, Any]:
        """The weights before the last step, from which a resumed training continues exactly."""
        return {"before": self._before}

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `get_extra_state` returned."""
        self._before = dict(state["before"])
