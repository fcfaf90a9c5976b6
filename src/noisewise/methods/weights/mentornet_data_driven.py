"""The data-driven curriculum of MentorNet (Jiang et al., ICML 2018): g learns whether a label is right.

Half of the trusted rows get a wrong label, and join the training rows of a warm-up student in their natural proportion.
The losses it shows of them are what g learns from, weighted to the stated or estimated noise rate.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from noisewise.methods.rate import CAP
from noisewise.methods.weights.curriculum import Curriculum
from noisewise.methods.weights.mentor import EPOCHS, Lessons
from noisewise.training.batch import Batch, one_hot
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks
from noisewise.training.trainer import Training


class WarmUpStudent(Curriculum):
    """Edit station of the warm-up student: trusted rows, half with wrong labels, join; records their losses.

    Args:
        index: (m,) indices of the trusted rows.
        ratio: number of trusted rows per training row.
        keep: see `mentornet`.
        decay: see `mentornet`.
    """

    auxiliary = ("trusted",)
    shift: Tensor
    place: Tensor
    seen: Tensor

    def __init__(self, index: Tensor, ratio: float, keep: float | None, decay: float) -> None:
        super().__init__(keep, 1.0, decay)
        self.index, self.ratio = index, ratio

    def prepare(self, task: LearningTask) -> None:
        """Draw the wrong labels; allocate losses and differences by epoch and trusted row, (epochs, m, 2).

        -1 marks what was not seen.
        """
        super().prepare(task)
        rows, device = len(self.index), task.given.device
        wrong = torch.randperm(rows) < rows // 2
        self.register_buffer("shift", (wrong * torch.randint(1, task.classes, (rows,))).to(device))
        place = torch.zeros(task.rows, dtype=torch.int64, device=device)
        place[self.index] = torch.arange(rows, device=device)
        self.register_buffer("place", place)
        self.register_buffer("seen", torch.full((task.epochs, rows, 2), -1.0, device=device))

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        gold = batch.auxiliary["trusted"]
        rows = min(len(gold), max(1, round(self.ratio * len(batch))))
        index, classes = gold.rows[:rows], batch.y.shape[-1]
        labels = (gold.y[:rows].argmax(dim=-1) + self.shift[self.place[index]]) % classes
        trusted = torch.arange(len(batch) + rows, device=batch.w.device) >= len(batch)
        return replace(
            batch,
            x=torch.cat([batch.x, gold.x[:rows]]),
            y=torch.cat([batch.y, one_hot(labels, classes)]),
            w=torch.cat([batch.w, gold.w[:rows]]),
            index=torch.cat([batch.rows, index]),
            info={**batch.info, "trusted": trusted},
        )

    def observe(self, batch: Batch) -> None:
        super().observe(batch)
        trusted = batch.info["trusted"]
        losses = batch.losses[0, trusted].to(self.seen.dtype)
        found = torch.stack([losses, losses - self.threshold[0]], dim=-1)
        self.seen[batch.clock.epoch, self.place[batch.rows[trusted]]] = found

    def lessons(self, rate: float) -> Lessons:
        """What was seen of the trusted rows, weighted as if the share `rate` of their labels was wrong."""
        epoch, row = torch.nonzero(self.seen[..., 0] >= 0, as_tuple=True)
        right = (self.shift == 0)[row]
        counts = torch.where(right, 1 - rate, rate) / torch.where(right, right.float().mean(), 1 - right.float().mean())
        percent = EPOCHS * epoch // len(self.seen)
        values = (*self.seen[epoch, row].unbind(dim=-1), percent, right.float(), counts)
        return Lessons(*(value.cpu() for value in values))


def observe_lessons(training: Training, keep: float | None, decay: float, first: float) -> tuple[int, Lessons]:
    """Train a warm-up student and collect what it shows of the trusted rows.

    Args:
        training: the training, with trusted rows.
        keep: see `mentornet`.
        decay: see `mentornet`.
        first: epochs of the warm-up student, as a share of the epochs.

    Returns:
        Its last epoch, and the lessons.
    """
    trusted = training.split("trusted")
    epochs = max(1, round(first * training.config.epochs))
    student = WarmUpStudent(trusted.index, len(trusted) / len(training.rows), keep, decay)
    training.fit(training.learner("first"), student, epochs, record=False)
    stated = training.task.noise_rate
    rate = training.memoize("rate", lambda: min(student.noise.estimate, CAP) if stated is None else stated)
    return epochs - 1, student.lessons(rate)
