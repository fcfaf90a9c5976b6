"""ELR+ (Liu et al., NeurIPS 2020, arXiv 2007.00151), equations 6 and 9 and the algorithm for ELR+ in the appendix.

    t_i <- beta t_i + (1 - beta) p_i     p_i: the averaged copy of the *other* network on the unmixed row
    x = l x_i + (1 - l) x_j,  y and q likewise of labels and memories,  l <- max(l, 1 - l), l ~ Beta(alpha, alpha)
    L = CE(y) + lambda mean log(1 - <q, p>)

Two networks, each with a weight-averaged teacher (mean teacher), mixup, and the mean of both networks' logits as the
prediction. The decay of the teachers and the penalty ramp up as exp(-5 (1 - t)^2). The ramps last 40,000 steps in the
authors' code and a share of the training here, so that short trainings complete them. A teacher averages over at most a
tenth of the training; the published decay of 0.997 is 333 steps, more than half of a training of 20 epochs of 28 steps.

Both networks see the same batches and mixtures, and each other's current teacher; the authors give each its own order
and train them one epoch at a time. Teachers run in training mode, statelessly.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.devices import sent
from noisewise.methods.inputs.mixup import draw_share, mix
from noisewise.methods.phases import MANY_CLASSES
from noisewise.methods.targets.elr import EarlyLearning, early_learning_penalty
from noisewise.training.batch import Batch
from noisewise.training.method import LearningTask, MethodCard
from noisewise.training.networks import Average, Networks, mean_of_logits, stateless_forward
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

CARD = MethodCard(
    "elr-plus",
    "Two networks remember for every row what the other's averaged copy predicted early on, and penalise moving away "
    "from it. Mixup and the mean of both networks make it more stable than ELR.",
    "Liu, Niles-Weed, Razavian and Fernandez-Granda, Early-Learning Regularization Prevents Memorization of Noisy "
    "Labels, NeurIPS 2020",
    2020,
    "L = CE(mixed) + lambda mean log(1 - <q, p>),  t <- beta t + (1 - beta) p of the other's teacher",
    forwards=6,
    backwards=2,
    stations=("edit", "penalty"),
    networks=2,
    departures="both networks share batches and mixtures; ramps are shares of the training, and a teacher averages "
    "over at most a tenth of it; the label is not multiplied by the memory for 100 classes, which only the authors' "
    "code does; beta and lambda as for elr where they are not stated, and the ramp of the penalty by the number of "
    "classes",
)

# The longest memory of a teacher as a share of the training, and the ramp of the penalty for CIFAR-100.
_SPAN = 0.1
_MANY_RAMP = 0.4


def ramp_up(progress: float, length: float) -> float:
    """Ramp exp(-5 (1 - t)^2) with t = min(progress / length, 1); 1 for a length of 0."""
    if length == 0:
        return 1.0
    return math.exp(-5 * (1 - min(progress / length, 1.0)) ** 2)


class ELRPlus(EarlyLearning):
    """Edit and penalty on two networks, with averaged teachers and a memory per row and network.

    The memory is read before rows are mixed, so that memory and mixing live together.

    Args:
        nets: the networks that train, which the teachers average.
        beta: inertia of the memory; None takes the paper's.
        lam: weight of the penalty; None takes the paper's.
        alpha: parameter of mixup's Beta distribution.
        decay: largest decay of the teachers' averaged weights.
        ramp: share of the training over which the penalty rises; None takes the paper's.
        decay_ramp: share of the training over which the teachers' decay rises.
    """

    card = CARD
    networks = 2
    mixes_rows = True

    def __init__(
        self,
        nets: Networks,
        beta: float | None = None,
        lam: float | None = None,
        alpha: float = 1.0,
        decay: float = 0.997,
        ramp: float | None = None,
        decay_ramp: float = 0.5,
    ) -> None:
        super().__init__(beta, lam)
        self._followed = (nets,)  # a tuple hides the networks from registration as submodules
        self.teachers = Average(nets, decay)
        self.alpha, self.ramp, self.decay_ramp = alpha, ramp, decay_ramp

    def prepare(self, task: LearningTask) -> None:
        super().prepare(task)
        published = _MANY_RAMP if task.classes > MANY_CLASSES else 0.0
        self.rise = published if self.ramp is None else self.ramp
        span = _SPAN * task.epochs * task.steps if task.steps else math.inf
        self.decay = min(self.teachers.decay, 1 - 1 / max(span, 1.0))

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        taught = stateless_forward(self.teachers.nets, batch.x).softmax(dim=-1).flip(0)
        memory = (self.beta * self.part.read(self.memory, batch.rows) + (1 - self.beta) * taught).movedim(0, 1)
        share = draw_share(self.alpha, rng)
        share = max(share, 1 - share)
        partner = sent(torch.randperm(len(batch), generator=rng), batch.x.device)
        x, y, w, q = (mix(values, partner, share) for values in (batch.x, batch.y, batch.w, memory))
        info = {**batch.info, "rows": batch.rows, "memory": memory, "expected": q}
        return replace(batch, x=x, y=y, w=w, index=None, info=info)

    def penalty(self, batch: Batch) -> Tensor:
        penalty = early_learning_penalty(batch.scores, batch.info["expected"].movedim(0, 1)).mean(dim=-1).sum()
        return self.lam * ramp_up(batch.clock.progress, self.rise) * penalty

    def observe(self, batch: Batch) -> None:
        self.part.write(self.memory, batch.info["rows"], batch.info["memory"].movedim(0, 1).to(self.memory.dtype))
        self.teachers.update(self._followed[0], self.decay * ramp_up(batch.clock.progress, self.decay_ramp))

    def predict(self, logits: Tensor) -> Tensor:
        return mean_of_logits(logits)


@recipe(
    CARD,
    {
        "beta": between(0, 1) | None,
        "lam": between(0, 1000) | None,
        "alpha": between(1e-3, 1000),
        "decay": between(0, 1),
        "ramp": between(0, 1) | None,
        "decay_ramp": between(0, 1),
    },
)
def elr_plus(
    training: Training,
    beta: float | None = None,
    lam: float | None = None,
    alpha: float = 1.0,
    decay: float = 0.997,
    ramp: float | None = None,
    decay_ramp: float = 0.5,
) -> None:
    """Train two networks with ELR+.

    Args:
        training: the training.
        beta: inertia of the memory (the paper: 0.7 for CIFAR-10, 0.9 for CIFAR-100 and asymmetric noise); None takes
            the paper's by the number of classes.
        lam: weight of the penalty (the paper: 3 for CIFAR-10, 7 for CIFAR-100, 1 for asymmetric noise); None likewise.
        alpha: parameter of mixup's Beta distribution.
        decay: decay of the teachers' averaged weights, which average over a tenth of the training at most.
        ramp: share of the training over which the penalty rises; None takes the paper's, 0 up to 31 classes and 0.4
            above.
        decay_ramp: share of the training over which the teachers' decay rises.
    """
    learner = training.learner(networks=2)
    training.fit(learner, ELRPlus(learner.nets, beta, lam, alpha, decay, ramp, decay_ramp))
