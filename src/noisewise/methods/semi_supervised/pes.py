"""Progressive early stopping (Bai et al., NeurIPS 2021, arXiv 2106.15853), algorithm 1.

    train the whole network for T1 epochs
    re-initialise its last stage and the last layer, freeze the layers in front, train for T2 < T1 epochs
    re-initialise its last layer, freeze the layers in front, train for T3 < T2 epochs
    until the end: train on confident rows { argmax p = given label } with class-weighted cross entropy

Later layers fit wrong labels earlier than front layers, and are thus stopped earlier. PES(semi) re-initialises only the
last layer, and then uses the rows that are not confident by MixMatch:

    y <- sharpen(mean over two views of p)                                              rows without a label
    l <- max(l, 1 - l), l ~ Beta(alpha, alpha), over all rows and views; alpha = 0.75 in the second half
    L = class-weighted CE on confident rows + lambda_u ramp MSE on the others
    class weight = mean count / count of confident rows of the class; at most 3 in PES(semi)

Layers of any network are those of `models.parts.layers`. The last stage of a residual network is all of its blocks of
the last width, as in the authors' code; of another network it is the layer before the last one. At least one layer
stays frozen, so a network of two layers has no middle phase.

Decided here: re-initialised layers train on with the rest after the last phase (the authors' optimiser does not contain
them, so that they stay as they are); all phases use the configured optimiser and one schedule, where the authors' later
phases use Adam with 1e-4, and they are part of the epochs, where the authors' are not counted; confident rows are found
without augmentation. An epoch of PES(semi) shows every confident row once, in batches as large as those of the others;
the authors' has 50,000 / 128 steps, and shares a batch by the sizes of the two parts.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from noisewise.bounds import between, whole
from noisewise.methods.phases import phase_epochs
from noisewise.methods.semi_supervised.mixmatch import (
    RAMP,
    UNLABELLED,
    Views,
    epochs_done,
    mean_prediction,
    mixmatch,
    ramp,
    semi_supervised_loss,
    sharpen,
    two_views,
)
from noisewise.models.parts import last_stage, layers, reinitialise_last
from noisewise.training.batch import Batch
from noisewise.training.method import LearningTask, Method, MethodCard
from noisewise.training.networks import Networks, Predictor, stateless_forward
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Learner, Training

CARD = MethodCard(
    "pes",
    "The last layers of a network fit wrong labels first. Train all layers, then re-initialise the last ones and train "
    "them for a shorter time; then train on the rows whose labels agree with the predictions.",
    "Bai, Yang, Han, Yang, Li, Mao, Niu and Liu, Understanding and Improving Early Stopping for Learning with Noisy "
    "Labels, NeurIPS 2021",
    2021,
    "T1 > T2 > T3 epochs of parts 1, 2, 3;  then CE on { argmax p = y }",
    forwards=1.7,
    backwards=0.75,
    stations=("edit", "loss", "weight"),
    departures="the configured optimiser and one schedule in all phases; phases are part of the epochs, and in a "
    "short training the first has 250 steps or a third of the epochs; re-initialised layers train on afterwards; "
    "confident rows are found without augmentation; an epoch with semi shows every confident row once, in batches of "
    "two equal parts, where the authors' code takes as many steps as for all rows. The cost stated is without semi, "
    "at 40 % noise",
)

_MOST_WEIGHT = 3.0
_LATE_ALPHA = 0.75


def class_weights(given: Tensor, kept: Tensor, classes: int) -> Tensor:
    """Class weights, mean count / count of the kept rows.

    Args:
        given: (rows,) given labels.
        kept: (rows,) whether a row is kept.
        classes: number of classes K.

    Returns:
        (K,) weights; 0 for a class without kept rows.
    """
    counts = functional.one_hot(given[kept], classes).sum(dim=0).double()
    present = counts > 0
    return torch.where(present, counts[present].mean() / counts.clamp_min(1), 0.0)


class Confident(Method):
    """Weight station: class-weighted cross entropy, on the confident rows that the recipe draws."""

    card = CARD
    memory: Tensor
    kept: Tensor

    def prepare(self, task: LearningTask) -> None:
        """Allocate the class weights (K,) and the confident rows (rows,)."""
        self.given, self.classes = task.given, task.classes
        self.register_buffer("memory", torch.ones(task.classes, device=task.given.device))
        self.register_buffer("kept", torch.ones(task.rows, device=task.given.device))

    def take(self, kept: Tensor) -> None:
        """Set the confident rows, (rows,) boolean by index."""
        self.kept.copy_(kept)
        self.memory.copy_(class_weights(self.given, kept & (self.given >= 0), self.classes))

    def weight(self, batch: Batch) -> Tensor:
        by_class = batch.y @ self.memory
        return batch.w * by_class / by_class.mean()

    def selection(self) -> Tensor:
        return self.kept


class SemiConfident(Confident):
    """Edit and loss stations of PES(semi): MixMatch, or plain cross entropy where no unlabelled rows are drawn.

    Args:
        warmup: epoch in which lambda_u starts to rise.
        ramp: epochs in which it rises.
        lambda_u: see `pes`.
        temperature: see `pes`.
        alpha: see `pes`.
    """

    mixes_rows = True

    def __init__(self, warmup: int, lambda_u: float, temperature: float, alpha: float, ramp: int = RAMP) -> None:
        super().__init__()
        self.warmup, self.lambda_u, self.temperature, self.alpha = warmup, lambda_u, temperature, alpha
        self.ramp = ramp

    def take(self, kept: Tensor) -> None:
        super().take(kept)
        self.memory.clamp_(max=_MOST_WEIGHT)

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        if UNLABELLED not in batch.auxiliary:
            return batch
        clock = batch.clock
        labelled = Views(two_views(batch, rng), batch.y)
        others = two_views(batch.auxiliary[UNLABELLED], rng)
        p = mean_prediction(stateless_forward(nets, view)[0] for view in others)
        unlabelled = Views(others, sharpen(p, self.temperature))
        alpha = self.alpha if clock.progress < 0.5 else _LATE_ALPHA
        coefficient = self.lambda_u * ramp(epochs_done(clock), self.warmup, self.ramp)
        return mixmatch(batch, labelled, unlabelled, alpha, coefficient, rng)

    def loss(self, batch: Batch) -> Tensor:
        by_label = -(self.memory * batch.y * batch.scores.log_softmax(dim=-1)).sum(dim=-1)
        return semi_supervised_loss(batch, by_label)

    def weight(self, batch: Batch) -> Tensor:
        return batch.w


@recipe(
    CARD,
    {
        "first": whole(1, 10_000) | None,
        "middle": whole(0, 10_000) | None,
        "last": whole(0, 10_000) | None,
        "lambda_u": between(0, 1e4),
        "temperature": between(0.01, 10),
        "alpha": between(1e-3, 1000),
    },
)
def pes(
    training: Training,
    semi: bool = False,
    first: int | None = None,
    middle: int | None = None,
    last: int | None = None,
    lambda_u: float = 15.0,
    temperature: float = 0.5,
    alpha: float = 4.0,
) -> None:
    """Progressive early stopping.

    Args:
        training: the training.
        semi: use the rows that are not confident by MixMatch, PES(semi).
        first: T1, epochs of the whole network; None takes the paper's 25 (semi: 20), in a short training 250 steps or a
            third of the epochs.
        middle: T2, epochs of the last stage and the last layer; None takes the paper's share of T1, 7/25 (semi: none).
        last: T3, epochs of the last layer; None takes the paper's share of T1, 5/25 (semi: 5/20).
        lambda_u: weight of the unlabelled loss (the authors: 15 for CIFAR-10, 50 for CIFAR-100).
        temperature: temperature of sharpening.
        alpha: parameter of the Beta distribution in the first half of the training.
    """
    learner, total = training.learner(), training.config.epochs
    net = learner.nets[0]
    lengths = phase_lengths(total, training.task.steps, semi, first, middle, last)
    plan = phases(lengths, last_stage(net) + 1, len(layers(net)), total)
    warmup = sum(epochs for _, epochs in plan)
    rising = phase_epochs(RAMP, total - warmup, training.task.steps)
    method = SemiConfident(warmup, lambda_u, temperature, alpha, rising) if semi else Confident()
    done = 0
    for count, epochs in plan:
        if count:
            learner = _continued(training, learner, count, done)
        training.fit(learner, method, epochs)
        done += epochs
    if done < total:
        _learn_confident(training, _continued(training, learner, 0, done), method, total - done)


def phase_lengths(
    epochs: int,
    steps: int | None,
    semi: bool = False,
    first: int | None = None,
    middle: int | None = None,
    last: int | None = None,
) -> tuple[int, int, int]:
    """T1, T2 and T3 of a training of `epochs` epochs of `steps` steps.

    Example:
        `phase_lengths(200, 391)` is `(25, 7, 5)`.
    """
    whole = first or phase_epochs(20 if semi else 25, epochs, steps)
    stage = (0 if semi else max(1, round(whole * 7 / 25))) if middle is None else middle
    layer = max(1, round(whole * 5 / (20 if semi else 25))) if last is None else last
    return whole, stage, layer


def phases(lengths: tuple[int, int, int], stage: int, depth: int, epochs: int) -> list[tuple[int, int]]:
    """The phases that fit a network and a training.

    Args:
        lengths: epochs of the phases.
        stage: number of layers that the middle phase re-initialises.
        depth: number of layers of the network.
        epochs: of the training.

    Returns:
        Per phase the number of re-initialised layers and of epochs.
    """
    found, left = [], epochs
    for count, length in zip((0, stage, 1), lengths, strict=True):
        if min(length, left) > 0 and (count == 0 or count < depth):
            found.append((count, min(length, left)))
            left -= found[-1][1]
    return found


def _continued(training: Training, before: Learner, last: int, done: int) -> Learner:
    """A learner that continues another one `done` epochs into the training, with its `last` layers re-initialised."""
    name = f"last {last}" if last else "confident"
    seed = training.config.seed_of(name, 0, bits=31)
    fresh = training.fresh(seed)
    nets = training.networks([reinitialise_last(before.nets[0], fresh, last)])
    learner = training.add_learner(name, nets)
    learner.epochs_done = max(learner.epochs_done, done)
    return learner


def _learn_confident(training: Training, learner: Learner, method: Confident, epochs: int) -> None:
    for _ in range(epochs):
        kept = training.memoize("confident", lambda: _confident(training, learner)).to(training.device)
        method.take(kept)
        auxiliary = {UNLABELLED: ~kept} if method.mixes_rows else {}
        training.fit(learner, method, 1, rows=kept, auxiliary=auxiliary)


def _confident(training: Training, learner: Learner) -> Tensor:
    """(rows,) whether a training row is predicted as its given label; all rows if fewer than two are."""
    rows = training.rows
    found = torch.zeros(training.task.rows, dtype=torch.bool)
    agrees = training.probabilities(Predictor(learner.nets), "train").argmax(dim=-1) == rows.given
    found[rows.index.cpu()] = agrees.cpu() if int(agrees.sum()) > 1 else torch.ones_like(agrees).cpu()
    return found
