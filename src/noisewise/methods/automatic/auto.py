"""What trains where nobody names a method: look at the labels first, then train accordingly.

1. Cross-fit, as Northcutt, Jiang and Chuang (JAIR 2021) find wrong labels: three small trainings, one cycle of the
   learning rate each, predict the rows they have not seen.
2. Judge: the audit's judgement estimates from these predictions the noise rate with its interval, and for every row
   the probability that its given label is right.
3. Where hardly a label is wrong, where predictions are hardly better than guessing, or where there are too few rows,
   train plainly with cross entropy.
4. Otherwise soften the labels (see the equation in `soft_labels`) and cross-fit once more, on the softened labels:
   networks that have learned fewer wrong labels predict better. Judge again, and train one network to the end: every
   given label counts as far as it is probably right and, increasingly, what these networks predict in its place by the
   rest. The last epoch is kept: validation rows with wrong labels choose worse.

Noise rate and kind of noise need no setting: both are in the probabilities r and p of every row.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from scipy.special import expit, logit
from torch import Tensor

from noisewise.bounds import between, whole
from noisewise.errors import Diverged
from noisewise.formatting import percent
from noisewise.judgement.judged import Judged, judged
from noisewise.judgement.suspicion import shift_to_mean
from noisewise.methods.automatic.card import CARD
from noisewise.methods.automatic.cross_fit import brings_weights, cross_fitted
from noisewise.methods.automatic.soft_labels import SoftLabels, other_classes
from noisewise.methods.inputs.mixup import Mixup
from noisewise.methods.losses.ce import CrossEntropy
from noisewise.training.config import Config
from noisewise.training.method import Chain, Decision
from noisewise.training.recipe import recipe, single
from noisewise.training.trainer import Training

# Set by hand, after runs on digits, MNIST, CIFAR-10 with injected noise and two tables (benchmarks/pool/auto.py).
FEWEST = 60  # training rows below which nothing is estimated
CLEAN = 0.02  # estimated share of wrong labels up to which training is plain; clean digits show less than 0.01
# Disagreement with given labels, over that of guessing, from which predictions are guesses. 600 digits and 3,000 rows
# of MNIST with symmetric:0.8 lie above it, where plain training was better; CIFAR-10 with symmetric:0.5 lies below.
IGNORANT = 0.95
LONGEST = 10  # epochs of each small training, as in an audit
SHARE = 1 / 3  # of the epochs of the training that each small one has at most
OTHERWISE = ("", "; for the rest, what is predicted in its place counts more and more")


@recipe(
    CARD,
    {
        "folds": whole(2, 20),
        "rounds": whole(1, 5),
        "trust": between(0, 1),
        "mixup": between(0, 1000) | None,
        "clean": between(0, 1),
    },
)
def auto(
    training: Training,
    folds: int = 3,
    rounds: int = 2,
    trust: float = 1.0,
    mixup: float | None = None,
    clean: float = CLEAN,
) -> None:
    """Judge the labels, then train accordingly.

    Args:
        training: the training.
        folds: number of small trainings per round, each of which holds out a part of the rows.
        rounds: how often the rows are cross-fitted: first on the given labels, then on the softened ones.
        trust: k at the end of the training, how much predictions count in place of labels that are probably wrong; 0
            weights rows alone.
        mixup: parameter of mixup's Beta distribution where labels are softened; 0 is no mixup. None is 1 for networks
            that start from random weights, on images that are not augmented, and 0 otherwise.
        clean: the estimated share of wrong labels up to which training is plain.
    """
    if len(training.rows) < max(FEWEST, folds * training.classes):
        training.decision = Decision(f"{len(training.rows)} rows are too few to judge labels by: trained plainly.")
        return single(training, CrossEntropy())
    try:
        labels = _judged_labels(training, folds, rounds, clean)
    except Diverged as error:
        training.decision = Decision(f"The small trainings that judge labels failed ({error}): trained plainly.")
        return single(training, CrossEntropy())
    if labels.found.rate <= clean:
        training.decision = labels.decision("So few that training is plain")
        return single(training, CrossEntropy())
    if labels.ignorance > IGNORANT:
        training.decision = labels.decision(
            "The predictions are too close to guessing to say which, so training is plain"
        )
        return single(training, CrossEntropy())
    if training.config.select == Config.select and training.config.patience is None:
        training.history.choose_by("last")  # little is memorised, and validation rows with wrong labels mislead
    training.decision = labels.decision("Every label counts as far as it is probably right" + OTHERWISE[trust > 0])
    soft = SoftLabels(labels.right, labels.others, trust)
    mixes = training.data.kind == "image" and not (training.rows.augmented or brings_weights(training.model))
    alpha = float(mixes) if mixup is None else mixup
    return single(training, Chain([soft, Mixup(alpha)]) if alpha else soft)


def _judged_labels(training: Training, folds: int, rounds: int, clean: float) -> Labels:
    """The labels by the predictions of the last round, or of the first where they are clean."""
    epochs = small_epochs(training.config.epochs)
    labels = Labels(training, cross_fitted(training, folds, epochs, 1))
    for number in range(2, rounds + 1):
        if labels.found.rate <= clean:
            break
        learn = partial(SoftLabels, labels.right, labels.others, rising=False)
        labels = Labels(training, cross_fitted(training, folds, epochs, number, learn))
    return labels


def small_epochs(epochs: int) -> int:
    """Epochs of each small training, so that two rounds of three cost about as much as the training itself."""
    return max(1, min(LONGEST, round(SHARE * epochs)))


class Labels:
    """The labels of a training as predictions judge them.

    Args:
        training: whose training rows are judged.
        unseen: (rows, K) predictions by index, by networks that have not seen the row's label.

    Attributes:
        found: the judgement of the training rows, in their order.
        ignorance: disagreement of predictions and given labels, over that of guessing the most frequent label.
        right: (rows,) by index, the probability that the given label is right; 0 outside the training rows.
        others: (rows, K) by index, what is predicted in its place; zeros outside the training rows.
    """

    def __init__(self, training: Training, unseen: Tensor) -> None:
        self.unseen = unseen
        index, given = training.rows.index.cpu(), training.rows.given.cpu()
        self.found = _at_rate(judged(given.numpy(), unseen[index].double().numpy()), training.task.noise_rate)
        right = torch.as_tensor(self.found.right, dtype=torch.float32)
        others_than_given = (unseen[index].argmax(dim=1) != given).double().mean()
        guessing = 1 - torch.bincount(given).max() / len(given)
        self.ignorance = float(others_than_given / guessing.clamp_min(1e-12))
        self.right = torch.zeros(len(unseen)).index_copy(0, index, right).to(training.device)
        others = other_classes(given, unseen[index])
        self.others = torch.zeros_like(unseen).index_copy(0, index, others).to(training.device)

    def decision(self, how: str) -> Decision:
        """What is done, with its reason.

        Args:
            how: what training does, as a sentence without its full stop.
        """
        rate, (low, high) = self.found.rate, self.found.interval
        stated = low == rate == high
        source = "stated" if stated else "estimated"
        between = "" if stated else f" (90 % interval {percent(low)} to {percent(high)})"
        said = f"The {source} share of wrong labels is {percent(rate)}{between}. {how}."
        return Decision(said, rate, (low, high), self.unseen)


def _at_rate(found: Judged, rate: float | None) -> Judged:
    """The judgement with all log-odds shifted to the noise rate that the user states, if any."""
    if rate is None:
        return found
    odds = logit(np.clip(1 - found.right, 1e-12, 1 - 1e-12))
    return replace(found, rate=rate, interval=(rate, rate), right=1 - expit(odds + shift_to_mean(odds, rate)))
