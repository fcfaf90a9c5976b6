"""Gold loss correction (Hendrycks et al., NeurIPS 2018, arXiv 1802.05300), algorithm 1.

    C_i = mean of p(. | x) over trusted rows of class i, p from a network trained on the untrusted rows
    L = sum over untrusted rows of -log sum_i p_i C_iy  +  sum over trusted rows of -log p_y

A network is trained on the untrusted rows, C is estimated on the trusted ones, and a new network is trained on both. C
comes from the epoch that is best on validation rows with their given labels, before the network memorises its labels.
Trusted rows join every batch in their natural proportion, at least one per batch, with weights that make the objective
the paper's mean over all rows.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.auxiliary import join
from noisewise.methods.transition.estimators import warm_up_model
from noisewise.methods.transition.matrix import forward_loss
from noisewise.training.batch import Batch, cross_entropy
from noisewise.training.method import Method, MethodCard
from noisewise.training.networks import Networks, Predictor
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

CARD = MethodCard(
    "glc",
    "Estimate the transition matrix of the labels on a few trusted rows, then train with the corrected loss on the "
    "rest. Needs trusted rows.",
    "Hendrycks, Mazeika, Wilson and Gimpel, Using Trusted Data to Train Deep Networks on Labels Corrupted by Severe "
    "Noise, NeurIPS 2018",
    2018,
    "L = -log sum_i p_i C_iy on untrusted rows, -log p_y on trusted rows",
    forwards=1.5,
    backwards=1.5,
    stations=("edit", "loss"),
    needs_trusted=True,
    departures="the first network trains for half of the epochs, not for all (`first`), and C comes from its epoch of "
    "best accuracy on noisy validation rows, not from the last; a class without trusted rows keeps an identity row",
)


def gold_transition(probabilities: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Transition matrix C estimated on trusted rows.

    Args:
        probabilities: (n, K) predictions.
        labels: (n,) true labels.
        classes: K.

    Returns:
        (K, K): row i is the mean prediction of the rows labelled i; a row of the identity where there are none.
    """
    members = torch.nn.functional.one_hot(labels, classes).to(probabilities.dtype)
    counts = members.sum(dim=0)[:, None]
    means = members.T @ probabilities / counts.clamp_min(1)
    return torch.where(counts > 0, means, torch.eye(classes, dtype=means.dtype, device=means.device))


class GoldLossCorrection(Method):
    """Edit and loss station of the second phase.

    Args:
        transition: C, (K, K).
        ratio: number of trusted rows per untrusted one.
    """

    card = CARD
    auxiliary = ("trusted",)
    transition: Tensor

    def __init__(self, transition: Tensor, ratio: float) -> None:
        super().__init__()
        self.register_buffer("transition", transition.float())
        self.ratio = ratio

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        joined = join(batch, batch.auxiliary["trusted"], self.ratio)
        trusted = torch.arange(len(joined), device=joined.w.device) >= len(batch)
        return replace(joined, info={**batch.info, "trusted": trusted})

    def loss(self, batch: Batch) -> Tensor:
        gold, silver = cross_entropy(batch.scores, batch.y), forward_loss(batch.scores, batch.y, self.transition)
        return torch.where(batch.info["trusted"], gold, silver)


@recipe(CARD, {"first": between(0.01, 1)})
def glc(training: Training, first: float = 0.5) -> None:
    """Train with gold loss correction.

    Args:
        training: the training; needs trusted rows.
        first: epochs of the first network, as a share of all epochs (1 in the paper).

    Raises:
        BadInput: no trusted rows.
    """
    gold = training.split("trusted")
    warm_up = warm_up_model(training, first)
    transition = training.memoize(
        "transition",
        lambda: gold_transition(
            training.probabilities(Predictor(warm_up.nets), "trusted"), gold.given, training.classes
        ).cpu(),
    )
    method = GoldLossCorrection(transition.to(training.device), len(gold) / len(training.rows))
    training.fit(training.learner("main"), method)
