"""SELF, self-ensemble label filtering (Nguyen et al., ICLR 2020, arXiv 1910.01842), algorithm 1.

    z_i <- a z_i + (1 - a) teacher(x_i)                        once an epoch, for every row
    L_r = { rows of the whole training split : argmax z_i = given label }
    L = CE on L_r + lambda mean_k (p - teacher)^2 on all rows

A mean teacher (Tarvainen and Valpola, 2017) trains in rounds. Each round starts a fresh network, whose labels are
those that the averaged predictions confirmed. Rows that were filtered out stay in the consistency loss and may come
back, because every filter starts from the whole split. Filtering ends when accuracy on noisy validation rows falls
behind the best round's.

Decided here: all rounds share the configured epochs. Every round that starts a fresh network has a learning-rate
schedule of its own, from the peak to the end; a network that trains on through all rounds has one. After the filtering
a last round takes the remaining epochs, at least half, with the labels that the best round confirmed. A round has
enough steps for a fresh network to learn, and a short training thus has fewer rounds. The averaged predictions are
those that the teacher makes within the steps, one per row and epoch. The teacher predicts in evaluation mode, on an
augmented view of its own. The paper has no public code.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from noisewise.bounds import between, whole
from noisewise.methods.phases import LEARNED, phase_epochs
from noisewise.training.batch import Batch, Clock, cross_entropy
from noisewise.training.method import LearningTask, Method, MethodCard
from noisewise.training.networks import Average, Networks, Predictor, eval_forward
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

CARD = MethodCard(
    "self-ensembling",
    "A moving average of the network predicts every row, and averages of its predictions decide which given labels are "
    "used. All rows, also those without label, contribute a consistency loss.",
    "Nguyen, Mummadi, Ngo, Nguyen, Beggel and Brox, SELF: Learning to Filter Noisy Labels with Self-Ensembling, ICLR "
    "2020",
    2020,
    "L = CE where argmax z = y, + lambda (p - teacher)^2 everywhere;  z <- a z + (1 - a) teacher",
    forwards=2,
    backwards=1,
    stations=("edit", "loss"),
    departures="the rounds share the configured epochs, and the last takes at least half; a round has at least 250 "
    "steps, or half of the training, so that a short training has fewer rounds; averages hold the predictions made "
    "within the steps, all of a round, where the paper filters by the best epoch on noisy validation; the mean "
    "teacher's ramp is at most a third of a round and its memory a tenth. The paper has no public code",
)

# Epochs of the ramp of lambda (Tarvainen and Valpola), and the longest memory of the teacher as a share of the round.
_RAMP = 5
_SPAN = 0.1


def confirmed(memory: Tensor, given: Tensor) -> Tensor:
    """Which labels the averaged predictions confirm.

    Args:
        memory: (rows, K) averaged predictions.
        given: (rows,) given labels; -1 outside the training split.

    Returns:
        (rows,) whether the given label is the most probable class. True for rows without a prediction, and for all rows
        if no label of the training split would be confirmed.
    """
    kept = (memory.argmax(dim=-1) == given) | (memory.sum(dim=-1) == 0)
    return kept if kept[given >= 0].any() else torch.ones_like(kept)


def inconsistency(logits: Tensor, teacher: Tensor) -> Tensor:
    """(N, B) squared distances, averaged over classes, of predictions (N, B, K) from the teacher's (N, B, K)."""
    return ((logits.softmax(dim=-1) - teacher) ** 2).mean(dim=-1)


class SelfEnsembling(Method):
    """Edit and loss stations of one round: a mean teacher, with labels on the confirmed rows.

    Args:
        nets: the networks that train, which the teacher averages.
        start: first epoch of the round in the learner's schedule.
        epochs: number of epochs of the round.
        before: (rows, K) averaged predictions of the rounds before; None in the first.
        inertia: see `self_ensembling`.
        consistency: see `self_ensembling`.
        decay: see `self_ensembling`.
    """

    card = CARD
    remembers_rows = True
    memory: Tensor
    kept: Tensor

    def __init__(
        self,
        nets: Networks,
        start: int,
        epochs: int,
        before: Tensor | None = None,
        *,
        inertia: float = 0.9,
        consistency: float = 10.0,
        decay: float = 0.999,
    ) -> None:
        super().__init__()
        # A tuple hides the networks from `nn.Module`, which would register them as this method's own.
        self._followed = (nets,)
        self.teacher = Average(nets, decay)
        self.start, self.epochs, self.before = start, epochs, before
        self.inertia, self.consistency = inertia, consistency

    def prepare(self, task: LearningTask) -> None:
        """Allocate the averaged predictions (rows, K) and the confirmed rows (rows,)."""
        empty = torch.zeros(task.rows, task.classes, device=task.given.device)
        self.register_buffer("memory", empty if self.before is None else self.before.clone())
        self.register_buffer("kept", confirmed(self.memory, task.given).float())
        self.ramp = phase_epochs(_RAMP, self.epochs, task.steps)

    def strength(self, clock: Clock) -> float:
        """Lambda, which rises as exp(-5 (1 - t)^2) while the network learns (see `phase_epochs`)."""
        t = (clock.epoch - self.start + clock.step / clock.steps) / self.ramp
        return self.consistency * math.exp(-5 * (1 - min(t, 1.0)) ** 2)

    def decay(self, clock: Clock) -> float:
        """The teacher's decay: first the mean of all steps, later an average over at most a tenth of the round."""
        done = (clock.epoch - self.start) * clock.steps + clock.step
        span = max(1.0, _SPAN * self.epochs * clock.steps)
        return min(1 - 1 / (done + 1), 1 - 1 / span, self.teacher.decay)

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        view = batch.another(rng)
        predicted = eval_forward(self.teacher.nets, view).softmax(dim=-1).movedim(0, 1)
        return replace(batch, info={**batch.info, "teacher": predicted})

    def loss(self, batch: Batch) -> Tensor:
        by_label = self.kept[batch.rows] * cross_entropy(batch.scores, batch.y)
        predicted = batch.info["teacher"].movedim(0, 1)
        return by_label + self.strength(batch.clock) * inconsistency(batch.scores, predicted)

    def observe(self, batch: Batch) -> None:
        """Average the teacher's predictions, then update the teacher."""
        now = batch.info["teacher"].mean(dim=1).to(self.memory.dtype)
        self.memory[batch.rows] = self.inertia * self.memory[batch.rows] + (1 - self.inertia) * now
        self.teacher.update(self._followed[0], self.decay(batch.clock))

    def selection(self) -> Tensor:
        return self.kept


@recipe(
    CARD,
    {"rounds": whole(1, 100), "inertia": between(0, 0.9999), "consistency": between(0, 1e4), "decay": between(0, 1)},
)
def self_ensembling(
    training: Training,
    rounds: int = 3,
    inertia: float = 0.9,
    consistency: float = 10.0,
    decay: float = 0.999,
    restart: bool = True,
) -> None:
    """SELF.

    Args:
        training: the training.
        rounds: largest number of rounds; the last takes half of the epochs, or all that remain. In a short training the
            others have 250 steps, and there are fewer of them.
        inertia: a, the decay of the averaged predictions.
        consistency: lambda, weight of the consistency loss.
        decay: largest decay of the teacher's weights.
        restart: start every round with a fresh network; otherwise the network trains on.
    """
    options = {"inertia": inertia, "consistency": consistency, "decay": decay}
    total = training.config.epochs
    count, early = early_rounds(total, training.task.steps, rounds)
    done, best, before = 0, -1.0, None
    for number in range(1, count + 1):
        method = _round(training, f"round {number}" if restart else "main", done, early, before, options)
        reached = _best_validation(training, done, early)
        done += early
        if reached < best:
            break
        best, before = reached, method.memory
    _round(training, "last round" if restart else "main", done, total - done, before, options)


def early_rounds(epochs: int, steps: int | None, rounds: int) -> tuple[int, int]:
    """Rounds before the last, and epochs of each: equal shares of half of the epochs, with enough steps to learn.

    Example:
        `early_rounds(300, 391, 3)` is `(2, 75)`, and `early_rounds(20, 29, 3)` is `(1, 10)`.
    """
    half = epochs // 2
    if rounds == 1 or half == 0:
        return 0, 0
    shortest = math.ceil(LEARNED / steps) if steps else 1
    count = max(1, min(rounds - 1, half // shortest))
    return count, half // count


def _round(
    training: Training, name: str, start: int, epochs: int, before: Tensor | None, options: dict[str, float]
) -> SelfEnsembling:
    learner = training.learner(name)
    if name != "main":
        learner.epochs, start = epochs, 0
    method = SelfEnsembling(learner.nets, start, epochs, before, **options)
    training.fit(learner, method, epochs, predictor=Predictor(method.teacher.nets))
    return method


def _best_validation(training: Training, start: int, epochs: int) -> float:
    """The best validation accuracy of some epochs; 0 where there are no validation rows."""
    rows = training.history[start : start + epochs]
    return max((row.get("validation_accuracy", 0.0) for row in rows), default=0.0)
