"""The noise rate by which methods drop rows, and when they may begin: one component for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from noisewise.judgement.margins import margins_of
from noisewise.judgement.signs import measure, most_confident
from noisewise.training.distributed import RowPart
from noisewise.training.ledger import Ledger
from noisewise.training.method import EpochEnd, LearningTask

# Learning has settled once at most this share of the rows is predicted as another class than an epoch before. Chosen on
# digits, MNIST (3,600 rows) and the table `letters` with 0, 20, 50 and 80 % symmetric noise: at that moment the audit's
# estimate is at most 3 points off, except on digits with 80 %. Larger shares come before a network has learned, smaller
# ones after it has begun to memorise.
STILL = 0.3

# Predictions on a hard problem do not become that still while the learning rate is high (CIFAR-10 with 9,000 rows: half
# of them move from epoch to epoch). After so many steps learning has settled too, unless the network is still hardly
# better than guessing: the largest ignorance, disagreement with the given labels over that of guessing.
STEPS, IGNORANCE = 1000, 0.85

# Then only the most confident twentieth of the rows predicted as a class is learned well enough to be its anchors. With
# more, CIFAR-10 without noise seems to have 24 % wrong labels after 1,000 steps of LeNet; with these 10 %, and fewer
# later.
SUREST = 0.05

# The largest rate that is reported. A rate near one would let methods drop every row.
CAP = 0.9

_NUMBERS = 2**23  # probabilities that are enough to estimate the rate, as in the audit

SELF_SET = (
    "without a stated noise rate it is estimated: the audit's estimate from an epoch's predictions, the smallest until "
    "predictions are stable, and not used before learning has settled"
)
"""What the card of every method that estimates its noise rate says."""


class NoiseRate(nn.Module):
    """A noise rate, stated or estimated while networks train, and whether their learning has settled.

    The estimate is the audit's, from the predictions of the last epoch alone. Every prediction is from before the step
    on its row, so early in training it is nearly a held-out one. The estimate is too high before the networks have
    learned, falls as they learn, and falls on as they memorise wrong labels. It is therefore the smallest value up to
    the moment that predictions are stable, when at most a share `STILL` of the rows is predicted as another class than
    an epoch before, and is not changed afterwards.

    Learning has settled when predictions are stable. On hard problems that comes late, so after `STEPS` steps it is
    enough that the networks are better than guessing (`IGNORANCE`), and only the `SUREST` predictions count. Under
    heavy noise, in a very short training or at too high a learning rate neither may come; all rows then count, as in
    plain training. From then on the share of rows to drop rises linearly to the rate, in as many epochs as learning
    took to settle: dropped at once, rows of a class that is learned late would never be picked again. How soon learning
    settles depends on what was learned, and not on how many epochs there will be.

    Args:
        task: sizes and given labels. Without its number of steps, learning settles by `STILL` alone.
        stated: the noise rate if it is known; None estimates it.

    Attributes:
        stated: the stated rate, or None.
        updates: how many epochs it has looked at.
        settled_at: after how many learning had settled; 0 before.
        still: whether predictions have been stable.
        estimate: the smallest estimate up to then; 1 before the first one, the stated rate if there is one.
    """

    before: Tensor
    seen: Tensor

    def __init__(self, task: LearningTask, stated: float | None) -> None:
        super().__init__()
        self.stated = None if stated is None else float(stated)
        self.estimate = 1.0 if stated is None else float(stated)
        self.updates, self.settled_at, self.still, self._steps = 0, 0, False, task.steps
        rows = task.rows if stated is None else 0
        part = RowPart.of(rows)  # as in the ledger
        self.register_buffer("before", torch.zeros(part.kept, task.classes, device=task.given.device))
        part.store_whole(self, "before")
        self.register_buffer("seen", torch.zeros(rows, dtype=torch.int32, device=task.given.device))

    def __repr__(self) -> str:
        kind = "estimated" if self.stated is None else "stated"
        return f"NoiseRate({self.estimate:.3f}, {kind}, {'settled' if self.settled else 'not settled'})"

    @property
    def settled(self) -> bool:
        """Whether learning has settled, so that rows may be dropped."""
        return self.settled_at > 0

    @property
    def value(self) -> float:
        """The rate to use now: the stated one, or the estimate; an estimate is 0 until learning has settled."""
        if self.stated is not None:
            return self.stated
        return min(self.estimate, CAP) if self.settled else 0.0

    @property
    def dropped(self) -> float:
        """The share of rows to drop now: 0 until learning has settled, then rising to the rate, stated or not."""
        if not self.settled:
            return 0.0
        return self.value * min((self.updates - self.settled_at + 1) / self.settled_at, 1.0)

    def update(self, epoch_end: EpochEnd) -> None:
        """Look at the predictions of an epoch; called once after each.

        The first epoch tells nothing: its predictions are mostly those of an untrained network, and what came before
        it may belong to another training.

        Args:
            epoch_end: with the ledger.
        """
        ledger = epoch_end.ledger
        self.updates += 1
        if self.still:
            return
        self.still = self.updates > 1 and float(ledger.moved[ledger.given >= 0].float().mean()) <= STILL
        late = self._late(ledger)
        if not self.settled and (self.still or late):
            self.settled_at = self.updates
        if self.stated is None:
            found = self._last_epoch(ledger, surest=late)
            self.estimate = min(self.estimate, found if self.updates > 1 else 1.0)

    def _late(self, ledger: Ledger) -> bool:
        """Whether enough steps have passed, and the networks are better than guessing."""
        if self._steps is None or self.updates * self._steps < STEPS:
            return False
        training = ledger.given >= 0
        largest = float(torch.bincount(ledger.given[training]).max()) / int(training.sum())
        return float((~ledger.was_right[training]).float().mean()) <= IGNORANCE * (1 - largest)

    def _last_epoch(self, ledger: Ledger, surest: bool) -> float:
        """The rate by the predictions since the last call."""
        count = ledger.seen - self.seen
        rows = torch.nonzero((ledger.given >= 0) & (count > 0))[:, 0]
        if numbers := len(rows) * ledger.probability_sum.shape[1]:
            rows = rows[:: -(-numbers // _NUMBERS)]
        now, before = (ledger.part.read(memory, rows) for memory in (ledger.probability_sum, self.before))
        mean = (now - before) / count[rows][:, None]
        self.before.copy_(ledger.probability_sum)
        self.seen.copy_(ledger.seen)
        return noise_rate(mean.cpu().numpy(), ledger.given[rows].cpu().numpy(), surest)

    def get_extra_state(self) -> dict[str, Any]:
        """What a checkpoint stores besides the buffers."""
        names = ("settled_at", "still", "estimate", "updates")
        return {name: getattr(self, name) for name in names}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore what `get_extra_state` returned.

        Args:
            state: from a checkpoint.
        """
        for name, value in state.items():
            setattr(self, name, value)


def noise_rate(probabilities: np.ndarray, labels: np.ndarray, surest: bool = False) -> float:
    """The audit's estimate of the noise rate.

    Args:
        probabilities: (n, K) predictions.
        labels: (n,) given labels.
        surest: whether it is at most the share of other labels among the most confident twentieth of the rows.

    Returns:
        The rate, in [0, 1]; 1 with fewer than two rows.
    """
    if len(labels) < 2:
        return 1.0
    found = measure(probabilities, labels, margins_of(probabilities, labels)).rate
    if not surest:
        return found
    predicted = probabilities.argmax(axis=1)
    chosen = most_confident(predicted, probabilities.max(axis=1), probabilities.shape[1], SUREST)
    return min(found, float((predicted[chosen] != labels[chosen]).mean()))
