"""DivideMix (Li, Socher and Hoi, ICLR 2020, arXiv 2002.07394), algorithm 1.

Two networks are warmed up with cross entropy. Then before every epoch a two-component Gaussian mixture is fitted to
each network's losses on all rows, and divides the data for the *other* network: rows whose clean probability w exceeds
a threshold keep their label, the others lose it. Each network in turn trains for an epoch of MixMatch on two views of
each row:

    co-refinement  y <- sharpen(w y + (1 - w) mean_views p)                      labelled rows, own predictions
    co-guessing    y <- sharpen(mean over views and both networks of p)          unlabelled rows
    mixing         l <- max(l, 1 - l), l ~ Beta(4, 4), over all rows and views
    L = CE on labelled + lambda_u ramp(e) MSE on unlabelled + KL(uniform || mean prediction)

Predictions for co-refinement are made in training mode, without updating BatchNorm statistics (the authors' code
updates them).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from noisewise.bounds import between, whole
from noisewise.methods.mixtures import clean_probability
from noisewise.methods.phases import MANY_CLASSES, phase_epochs
from noisewise.methods.semi_supervised.mixmatch import (
    LABELLED,
    RAMP,
    UNLABELLED,
    Views,
    epochs_done,
    mean_prediction,
    mixmatch,
    negative_entropy,
    ramp,
    semi_supervised_loss,
    sharpen,
    two_views,
)
from noisewise.training.batch import Batch, cross_entropy
from noisewise.training.method import EpochEnd, LearningTask, Method, MethodCard
from noisewise.training.networks import Networks, Predictor, eval_forward, mean_of_logits, stateless_forward
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Learner, Training

CARD = MethodCard(
    "dividemix",
    "Two networks divide the rows into clean and noisy for each other, by their losses. Noisy rows lose their labels, "
    "and training is semi-supervised.",
    "Li, Socher and Hoi, DivideMix: Learning with Noisy Labels as Semi-supervised Learning, ICLR 2020",
    2020,
    "L = CE(labelled) + lambda_u MSE(unlabelled) + KL(uniform || mean p)",
    forwards=11.7,
    backwards=4.4,
    stations=("edit", "loss", "penalty"),
    networks=2,
    departures="BatchNorm statistics are not updated while guessing; an empty part is left out instead of failing; "
    "by default lambda_u is the paper's value for the share of rows that lose their label, where the paper knows the "
    "noise; the warm-up and the ramp of lambda_u have the paper's epochs, in a short training 250 steps or a third "
    "of the epochs each, and the method is not meant for fewer than 750 steps; the warm-up has batches of the "
    "configured size, where the authors' are twice as large (warmup_batch=2); automatic augmentation pads by "
    "reflection, the authors with zeros; the mixture is seeded. The cost stated is with augmentation, for 40 % noise, "
    "and grows with the share of rows that keep their label",
)


def refine(y: Tensor, clean: Tensor, p: Tensor, temperature: float) -> Tensor:
    """Co-refinement: sharpen w y + (1 - w) p.

    Args:
        y: (B, K) labels.
        clean: (B,) clean probabilities w.
        p: (B, K) predictions.
        temperature: of sharpening.
    """
    w = clean[:, None]
    return sharpen(w * y + (1 - w) * p, temperature)


def published_lambda_u(unlabelled: float, classes: int) -> float:
    """The paper's weight of the unlabelled loss (table 7) for the share of rows that lose their label.

    The paper's shares are 20, 50, 80 and 90 % of 10 or 100 classes; the limits here are halfway between them.
    """
    if classes > MANY_CLASSES:
        return 25.0 if unlabelled < 0.35 else 150.0
    return 0.0 if unlabelled < 0.35 else 25.0 if unlabelled < 0.85 else 50.0


def prior_penalty(logits: Tensor) -> Tensor:
    """KL(uniform || mean prediction) of (N, B, K) logits, summed over networks."""
    mean = logits.softmax(dim=-1).mean(dim=-2)
    classes = logits.shape[-1]
    return (-(classes * mean).log() / classes).sum()


class DivideMix(Method):
    """Edit, loss and penalty stations of one of the two networks.

    Args:
        peer: the other network.
        warmup: epochs of cross entropy.
        ramp: epochs in which lambda_u rises after the warm-up.
        lambda_u: weight of the unlabelled loss, a number.
        temperature: see `dividemix`.
        alpha: see `dividemix`.
        threshold: see `dividemix`.
        negentropy: penalise confidence during the warm-up.
        loss_epochs: see `dividemix`.
    """

    card = CARD
    # It mixes rows but also keeps a memory per row: the edit reads the memory before it mixes.
    mixes_rows = True
    predicts_rows = True
    recent: Tensor
    recorded: Tensor
    losses: Tensor
    clean: Tensor

    def __init__(
        self,
        peer: Networks,
        warmup: int,
        *,
        ramp: int = RAMP,
        lambda_u: float,
        temperature: float,
        alpha: float,
        threshold: float,
        negentropy: bool,
        loss_epochs: int = 1,
    ) -> None:
        super().__init__()
        # A tuple hides the peer from `nn.Module`, which would register its parameters and buffers as this method's own.
        self._peer = (peer,)
        self.warmup, self.ramp, self.lambda_u, self.temperature = warmup, ramp, lambda_u, temperature
        self.alpha, self.threshold, self.negentropy = alpha, threshold, negentropy
        self.loss_epochs = loss_epochs

    def prepare(self, task: LearningTask) -> None:
        """Allocate this network's losses, present and recent, and the clean probabilities by the peer's; (rows,)."""
        self.classes = task.classes
        device = task.given.device
        self.register_buffer("losses", torch.zeros(task.rows, device=device))
        self.register_buffer("recent", torch.zeros(self.loss_epochs, task.rows, device=device))
        self.register_buffer("recorded", torch.zeros((), device=device))
        self.register_buffer("clean", torch.ones(task.rows, device=device))

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        if batch.clock.epoch < self.warmup:
            return batch
        labelled = self._labelled(batch, nets, rng)
        unlabelled = self._unlabelled(batch, nets, rng)
        coefficient = self.lambda_u * ramp(epochs_done(batch.clock), self.warmup, self.ramp)
        return mixmatch(batch, labelled, unlabelled, self.alpha, coefficient, rng)

    def _labelled(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Views:
        views = two_views(batch, rng)
        p = mean_prediction(stateless_forward(nets, view)[0] for view in views)
        return Views(views, refine(batch.y, self.clean[batch.rows], p, self.temperature))

    def _unlabelled(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Views | None:
        if UNLABELLED not in batch.auxiliary:
            return None
        views = two_views(batch.auxiliary[UNLABELLED], rng)
        own = [stateless_forward(nets, view)[0] for view in views]
        # In evaluation mode rows do not depend on each other: one pass for all views.
        by_peer = eval_forward(self._peer[0], torch.cat(views))[0].chunk(len(views))
        # View by view, not network by network: the order in which floating-point numbers are summed is part of the
        # result that a seed gives.
        logits = [z for pair in zip(own, by_peer, strict=True) for z in pair]
        return Views(views, sharpen(mean_prediction(logits), self.temperature))

    def loss(self, batch: Batch) -> Tensor:
        return semi_supervised_loss(batch, cross_entropy(batch.scores, batch.y))

    def penalty(self, batch: Batch) -> Tensor | float:
        if LABELLED in batch.info:
            return prior_penalty(batch.scores)
        return negative_entropy(batch.scores) if self.negentropy else 0.0

    def refit(self, epoch_end: EpochEnd) -> None:
        if epoch_end.epoch < self.warmup - 1:
            return  # rows are first divided by the losses after the warm-up
        seen: list[Tensor] = []
        for batch in epoch_end.passes():
            self.losses[batch.rows] = cross_entropy(batch.scores, batch.y).mean(dim=0)
            seen.append(batch.rows)
        if self.loss_epochs > 1:
            self._average(torch.cat(seen), warming=epoch_end.epoch < self.warmup)

    def _average(self, rows: Tensor, warming: bool) -> None:
        """Average the losses over the last epochs, each scaled to [0, 1]; of the warm-up its last epoch counts."""
        low, high = self.losses[rows].aminmax()
        latest = (self.losses - low) / (high - low).clamp_min(1e-12)
        before = torch.zeros_like(self.recent) if warming else self.recent
        self.recent.copy_(torch.cat([latest[None], before[:-1]]))
        self.recorded.fill_(1 if warming else min(int(self.recorded) + 1, self.loss_epochs))
        self.losses.copy_(self.recent.sum(dim=0) / self.recorded)

    def predict(self, logits: Tensor) -> Tensor:
        return mean_of_logits(logits)

    def selection(self) -> Tensor:
        return (self.clean > self.threshold).float()


@recipe(
    CARD,
    {
        "lambda_u": between(0, 1e4) | None,
        "threshold": between(0, 1),
        "temperature": between(0.01, 10),
        "alpha": between(1e-3, 1000),
        "warmup": whole(1, 10_000) | None,
        "warmup_batch": whole(1, 64),
        "loss_epochs": whole(1, 1000),
    },
)
def dividemix(
    training: Training,
    lambda_u: float | None = None,
    threshold: float = 0.5,
    temperature: float = 0.5,
    alpha: float = 4.0,
    warmup: int | None = None,
    negentropy: bool = False,
    warmup_batch: int = 1,
    loss_epochs: int = 1,
) -> None:
    """DivideMix.

    Args:
        training: the training.
        lambda_u: weight of the unlabelled loss; None takes the paper's by the share of rows that lose their label: for
            10 classes 0 up to 35 %, then 25, from 85 % on 50; for more than 31 classes 25, then 150.
        threshold: clean probability above which a row keeps its label.
        temperature: temperature of sharpening.
        alpha: parameter of the Beta distribution of mixing.
        warmup: epochs of cross entropy, at least 1; None takes the paper's 10, in a short training 250 steps or a third
            of the epochs.
        negentropy: penalise confidence during the warm-up (the paper, for asymmetric noise).
        warmup_batch: rows per step of the warm-up, in batches of the training (the authors' code: 2).
        loss_epochs: number of last epochs over which the losses of a row are averaged (the paper: 5 for 90 % noise).
    """
    epochs, steps = training.config.epochs, training.task.steps
    warm = phase_epochs(10, epochs, steps) if warmup is None else warmup
    a, b = training.learner("a"), training.learner("b")
    options: dict[str, Any] = {
        "ramp": phase_epochs(RAMP, epochs - warm, steps),
        "lambda_u": 0.0 if lambda_u is None else lambda_u,
        "threshold": threshold,
        "temperature": temperature,
        "alpha": alpha,
        "negentropy": negentropy,
        "loss_epochs": loss_epochs,
    }
    for_a, for_b = DivideMix(b.nets, warm, **options), DivideMix(a.nets, warm, **options)
    classes = training.classes
    both = Predictor(training.networks([a.nets[0], b.nets[0]]), mean_of_logits)
    for epoch in range(epochs):
        if epoch < warm:
            size = warmup_batch * training.config.batch_size
            training.fit(a, for_a, 1, record=False, batch_size=size)
            training.fit(b, for_b, 1, predictor=both, batch_size=size)
            continue
        by_a = training.memoize("clean by a", lambda: _clean(training, for_a))
        by_b = training.memoize("clean by b", lambda: _clean(training, for_b))
        for method, clean in ((for_a, by_b), (for_b, by_a)):
            method.clean.copy_(clean)
            if lambda_u is None:
                method.lambda_u = published_lambda_u(1 - float(method.selection()[training.rows.index].mean()), classes)
        _co_divide(training, a, for_a, record=False)
        _co_divide(training, b, for_b, predictor=both)


def _clean(training: Training, method: DivideMix) -> Tensor:
    """(rows,) clean probabilities by this network's losses; 0 outside the training split."""
    index = training.rows.index
    found = torch.zeros_like(method.losses)
    values = clean_probability(method.losses[index].cpu().double().numpy().astype(np.float64), training.config.seed)
    found[index] = torch.as_tensor(values, dtype=found.dtype, device=found.device)
    return found.cpu()


def _co_divide(training: Training, learner: Learner, method: DivideMix, **options: Any) -> None:
    keeps = method.clean > method.threshold
    # A part of one row or none cannot be trained on.
    if int(keeps[training.rows.index].sum()) < 2:
        keeps = torch.ones_like(keeps)
    training.fit(learner, method, 1, rows=keeps, auxiliary={UNLABELLED: ~keeps}, **options)
