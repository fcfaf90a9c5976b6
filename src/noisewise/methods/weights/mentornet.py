"""MentorNet (Jiang et al., ICML 2018, arXiv 1712.05055), algorithm 1, with a predefined or a data-driven curriculum.

    v_i = g(l_i, l_i - lambda, epoch; Theta),    min over w of sum_i v_i l_i(w)

A small network g weighs the student's rows by their loss, its distance from a running percentile lambda of the losses,
and the share of the training done. g is trained first, and then held fixed.

`predefined` (`mentornet_predefined.py`): g learns the paper's predefined curriculum on made-up inputs.
`data-driven` (`mentornet_data_driven.py`): g learns from trusted rows whether a label is right.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from noisewise.bounds import between, one_of, whole
from noisewise.devices import sent
from noisewise.methods.rate import SELF_SET
from noisewise.methods.weights.curriculum import Curriculum
from noisewise.methods.weights.mentor import EPOCHS, MentorNet, teach
from noisewise.methods.weights.mentornet_data_driven import observe_lessons
from noisewise.methods.weights.mentornet_predefined import predefined_lessons
from noisewise.training.batch import Batch
from noisewise.training.method import MethodCard
from noisewise.training.networks import Networks
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

CARD = MethodCard(
    "mentornet",
    "A small network, trained beforehand, maps a row's loss to its weight. It learns the paper's predefined "
    "curriculum, or which labels are right on trusted rows.",
    "Jiang, Zhou, Leung, Li and Fei-Fei, MentorNet: Learning Data-Driven Curriculum for Very Deep Neural Networks on "
    "Corrupted Labels, ICML 2018",
    2018,
    "v = g(l, l - lambda, epoch),  min_w sum_i v_i l_i(w)",
    stations=("edit", "weight"),
    departures="a longer burn-in and no example dropout (`burn_in`, `dropout`, `late_dropout`); "
    "lambda's percentile follows the noise rate; the data-driven curriculum comes from the present data set, with half "
    "of the trusted labels corrupted and reweighted; g is trained by cross entropy; lambda is above all losses until "
    f"learning has settled; {SELF_SET}",
)


class Mentored(Curriculum):
    """Edit and weight stations of the student: example dropout, and the weights of a MentorNet.

    Args:
        mentor: the trained MentorNet.
        keep: see `mentornet`.
        burn_in: see `mentornet`.
        decay: see `mentornet`.
        dropout: share of the rows that get weight zero in the burn-in.
        late_dropout: the same after the burn-in.
        known: the last epoch that the MentorNet was trained on, which later epochs count as; None for all epochs.
    """

    card = CARD

    def __init__(
        self,
        mentor: MentorNet,
        keep: float | None = None,
        burn_in: float = 0.3,
        decay: float = 0.9,
        dropout: float = 0.0,
        late_dropout: float = 0.0,
        known: int | None = None,
    ) -> None:
        super().__init__(keep, burn_in, decay)
        self.mentor, self.known = mentor, known
        self.dropout, self.late_dropout = dropout, late_dropout

    @property
    def below(self) -> float:
        return 1 - self.noise.dropped

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        share = self.dropout if self.burning_in(batch.clock) else self.late_dropout
        kept = sent(torch.rand(len(batch), generator=rng) >= share, batch.w.device)
        return replace(batch, w=batch.w * kept / max(1 - share, 1e-8))

    def curriculum(self, batch: Batch) -> Tensor:
        clock = batch.clock
        epoch = clock.epoch if self.known is None else min(clock.epoch, self.known)
        losses = batch.losses.detach().to(self.mentor.out.weight.dtype)
        at = torch.full_like(losses, EPOCHS * epoch // clock.epochs, dtype=torch.int64)
        return self.mentor(losses, losses - self.threshold, at).sigmoid().to(batch.losses.dtype)


@recipe(
    CARD,
    {
        "curriculum": one_of("predefined", "data-driven"),
        **Curriculum.bounds,
        "burn_in": between(0, 1),
        "dropout": between(0, 0.99),
        "late_dropout": between(0, 0.99),
        "steps": whole(1, 1_000_000),
        "first": between(0.01, 1),
    },
)
def mentornet(
    training: Training,
    curriculum: str = "predefined",
    keep: float | None = None,
    burn_in: float = 0.3,
    decay: float = 0.9,
    dropout: float = 0.0,
    late_dropout: float = 0.0,
    steps: int = 1000,
    first: float = 0.5,
) -> None:
    """Train a MentorNet, then a student with its weights.

    Args:
        training: the training; the data-driven curriculum needs trusted rows.
        curriculum: "predefined" or "data-driven".
        keep: share of the rows with a loss below lambda; None is one minus the stated or estimated noise rate.
        burn_in: share of the training in which every row counts (the authors' predefined curriculum: 0.18).
        decay: of the running average of lambda.
        dropout: share of the rows of a batch that get weight zero in the burn-in (the authors' code: 0.5).
        late_dropout: the same after the burn-in (the authors' code: 0.05).
        steps: training steps of the MentorNet.
        first: epochs of the warm-up student of the data-driven curriculum, as a share of the epochs.

    Raises:
        BadInput: data-driven without trusted rows.
    """
    rng = torch.Generator().manual_seed(training.config.seed_of("mentornet"))
    if curriculum == "predefined":
        known, lessons = None, predefined_lessons(rng, EPOCHS * burn_in)
    else:
        known, lessons = observe_lessons(training, keep, decay, first)
    mentor = MentorNet().requires_grad_(False)
    mentor.load_state_dict(training.memoize("mentor", lambda: teach(lessons, rng, steps).state_dict()))
    training.fit(training.learner("main"), Mentored(mentor, keep, burn_in, decay, dropout, late_dropout, known))
