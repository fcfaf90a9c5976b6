"""MentorNet (Jiang et al., ICML 2018, arXiv 1712.05055), algorithm 1, with a predefined or a data-driven curriculum.

    v_i = g(l_i, l_i - lambda, epoch; Theta),    min over w of sum_i v_i l_i(w)

A small network g weighs the student's rows by their loss, its distance from a running percentile lambda of the losses,
and the share of the training done. g is trained first, and then held fixed.

`predefined`: g learns the paper's predefined curriculum on made-up inputs, no data: all rows count up to the end of the
burn-in, then those below lambda (self-paced), and in the last tenth also, linearly less, those up to one nat above it.
`data-driven`: g learns whether a label is right. Half of the trusted rows get a wrong label, and join the training rows
of a first student in their natural proportion; what it shows of them is what g learns from, weighted to the stated or
estimated noise rate.

The LSTM of the authors' code sees one step from a zero state, and its cell state is read: input gate times candidate,
in two directions. The forget gate and the recurrent weights do not act, and the embedding of a label that is always 0
is a bias; they are left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from noisewise.errors import BadInput
from noisewise.methods.checks import within
from noisewise.methods.rate import estimated_noise_rate
from noisewise.methods.weights.curriculum import Curriculum
from noisewise.methods.weights.linear_weighting import linear_weights
from noisewise.methods.weights.self_paced import self_paced_weights
from noisewise.training.batch import Batch, one_hot
from noisewise.training.config import seeded
from noisewise.training.method import Card, Task
from noisewise.training.networks import Networks
from noisewise.training.recipe import recipe
from noisewise.training.trainer import Training

CARD = Card(
    "mentornet",
    "A small network that was taught a curriculum beforehand decides from a row's loss how much it counts. The "
    "curriculum is the paper's predefined one, or is learned on trusted rows.",
    "Jiang, Zhou, Leung, Li and Fei-Fei, MentorNet: Learning Data-Driven Curriculum for Very Deep Neural Networks on "
    "Corrupted Labels, ICML 2018",
    2018,
    "v = g(l, l - lambda, epoch),  min_w sum_i v_i l_i(w)",
    stations=("edit", "weight"),
    departures="a longer burn-in and no example dropout (`burn_in`, `dropout`, `late_dropout`); weights have mean one; "
    "lambda's percentile follows the noise rate; the data-driven curriculum comes from the present data set, with half "
    "of the trusted labels corrupted and reweighted; cross entropy teaches g",
)
_EPOCHS, _LARGEST, _FARTHEST = 100, 30.0, 5.0


class MentorNet(nn.Module):
    """g: two recurrent features of (loss, difference), an embedding of the epoch, 20 hidden units, one logit.

    Args:
        epoch_size: length of the embedding of the epoch, which is random and fixed.
        hidden: number of hidden units.
    """

    def __init__(self, epoch_size: int = 5, hidden: int = 20) -> None:
        super().__init__()
        self.gates = nn.Linear(2, 4)
        self.epochs = nn.Embedding(_EPOCHS, epoch_size)
        self.epochs.weight.requires_grad_(False)
        self.hidden = nn.Linear(epoch_size + 2, hidden)
        self.out = nn.Linear(hidden, 1)
        for weight in (self.hidden.weight, self.hidden.bias, self.out.weight):
            nn.init.normal_(weight)

    def forward(self, losses: Tensor, differences: Tensor, epoch: Tensor) -> Tensor:
        """(...) logits of the weights, from losses, differences and epochs of one shape, percents
        of the training from 0 to 99."""
        seen = torch.stack([losses.clamp(0, _LARGEST), differences.clamp(-_FARTHEST, _FARTHEST)], dim=-1)
        gate, candidate = self.gates(seen).chunk(2, dim=-1)
        state = gate.sigmoid() * candidate.tanh()
        return self.out(self.hidden(torch.cat([self.epochs(epoch), state], dim=-1)).tanh())[..., 0]


class Lessons(NamedTuple):
    """What a MentorNet learns from, (n,) each.

    Attributes:
        losses, differences, epoch: its inputs. right: the weights it should give. counts: how much each lesson counts.
    """

    losses: Tensor
    differences: Tensor
    epoch: Tensor
    right: Tensor
    counts: Tensor


def predefined_weights(differences: Tensor, epoch: Tensor, burn_in: float = 18) -> Tensor:
    """(n,) weights of the predefined curriculum from l - lambda (n,), and epochs (n,) in percent."""
    late = linear_weights(differences, 1.0)
    middle = self_paced_weights(differences, 0.0)
    return torch.where(epoch <= burn_in, 1.0, torch.where(epoch >= 90, late, middle))


def predefined_samples(rng: torch.Generator, burn_in: float = 18, rows: int = 100_000) -> Lessons:
    """Made-up inputs on the grid of the authors, losses 0 to 29 and differences -5 to 4.9, with their weights."""
    values = torch.cat([torch.arange(100) / 10, torch.arange(10.0, 30.0)])
    losses = values[torch.randint(len(values), (rows,), generator=rng)]
    differences = torch.randint(-50, 50, (rows,), generator=rng) / 10
    epoch = torch.randint(_EPOCHS, (rows,), generator=rng)
    return Lessons(losses, differences, epoch, predefined_weights(differences, epoch, burn_in), torch.ones(rows))


def taught(lessons: Lessons, rng: torch.Generator, steps: int, lr: float = 0.1, size: int = 256) -> MentorNet:
    """A MentorNet after `steps` of Adam on weighted cross entropy, with a learning rate that falls linearly to zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=rng)))
        mentor = MentorNet()
    optimizer = torch.optim.Adam([p for p in mentor.parameters() if p.requires_grad], lr, fused=True)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        at = torch.randint(len(lessons.right), (size,), generator=rng)
        logits = mentor(lessons.losses[at], lessons.differences[at], lessons.epoch[at])
        loss = functional.binary_cross_entropy_with_logits(logits, lessons.right[at], lessons.counts[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return mentor.requires_grad_(False)


class Mentored(Curriculum):
    """Edit and weight stations of the student: example dropout, and the weights of a MentorNet.

    Args:
        mentor: the taught MentorNet.
        keep, burn_in, decay: see `mentornet`.
        dropout, late_dropout: share of the rows that get weight zero, in the burn-in and afterwards.
        known: the last epoch that the MentorNet knows of, at which what it is told stands still; None for all.
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
        super().__init__("mentornet", keep, burn_in, decay)
        self.mentor, self.known = mentor, known
        self.dropout, self.late_dropout = dropout, late_dropout

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        share = self.dropout if batch.clock.progress < self.burn_in else self.late_dropout
        kept = torch.rand(len(batch), generator=rng).to(batch.w.device) >= share
        return replace(batch, w=batch.w * kept / max(1 - share, 1e-8))

    def curriculum(self, batch: Batch) -> Tensor:
        clock = batch.clock
        epoch = clock.epoch if self.known is None else min(clock.epoch, self.known)
        losses = batch.losses.detach().to(self.mentor.out.weight.dtype)
        at = torch.full_like(losses, _EPOCHS * epoch // clock.epochs, dtype=torch.int64)
        return self.mentor(losses, losses - self.threshold, at).sigmoid().to(batch.losses.dtype)


class Scout(Curriculum):
    """Edit station of the first student: trusted rows, half of them with a wrong label, join; remembers their losses.

    Args:
        index: (m,) of the trusted rows.
        ratio: number of trusted rows per training row.
        keep, decay: see `mentornet`.
    """

    auxiliary = ("trusted",)
    shift: Tensor
    place: Tensor
    seen: Tensor

    def __init__(self, index: Tensor, ratio: float, keep: float | None, decay: float) -> None:
        super().__init__("mentornet", keep, 1.0, decay)
        self.index, self.ratio = index, ratio

    def prepare(self, task: Task) -> None:
        """Draw the wrong labels; allocate loss and difference by epoch and trusted row, (epochs, m, 2), -1 before."""
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
        """What was seen of the trusted rows, counted as if the share `rate` of their labels was wrong."""
        epoch, row = torch.nonzero(self.seen[..., 0] >= 0, as_tuple=True)
        right = (self.shift == 0)[row]
        counts = torch.where(right, 1 - rate, rate) / torch.where(right, right.float().mean(), 1 - right.float().mean())
        percent = _EPOCHS * epoch // len(self.seen)
        values = (*self.seen[epoch, row].unbind(dim=-1), percent, right.float(), counts)
        return Lessons(*(value.cpu() for value in values))


@recipe(CARD)
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
    """Teach a MentorNet, then train a student by its weights.

    Args:
        training: the training; the data-driven curriculum needs trusted rows.
        curriculum: predefined or data-driven.
        keep: share of the rows with a loss below lambda; None is one minus the stated or estimated noise rate.
        burn_in: share of the training in which every row counts (the authors' predefined curriculum: 0.18).
        decay: of the running average of lambda.
        dropout: share of the rows of a batch that get weight zero in the burn-in (the authors' code: 0.5).
        late_dropout: afterwards (there: 0.05).
        steps: of teaching the MentorNet.
        first: epochs of the first student of the data-driven curriculum, as a share of the epochs.

    Raises:
        BadInput: an option outside its range; an unknown curriculum; data-driven without trusted rows.
    """
    if curriculum not in ("predefined", "data-driven"):
        raise BadInput(f"mentornet: curriculum={curriculum!r} is not one of 'predefined', 'data-driven'")
    for name, value in (("dropout", dropout), ("late_dropout", late_dropout)):
        within("mentornet", name, value, 0, 0.99)
    within("mentornet", "steps", steps, 1, 1_000_000)
    within("mentornet", "first", first, 0.01, 1)
    rng = torch.Generator().manual_seed(seeded(training.config.seed, "mentornet"))
    if curriculum == "predefined":
        known, lessons = None, predefined_samples(rng, _EPOCHS * burn_in)
    else:
        known, lessons = _measured(training, keep, decay, first)
    mentor = MentorNet().requires_grad_(False)
    mentor.load_state_dict(training.memoize("mentor", lambda: taught(lessons, rng, steps).state_dict()))
    training.fit(training.learner("main"), Mentored(mentor, keep, burn_in, decay, dropout, late_dropout, known))


def _measured(training: Training, keep: float | None, decay: float, first: float) -> tuple[int, Lessons]:
    """The last epoch of a first student, and what was seen of its trusted rows."""
    gold = training.split("trusted")
    epochs = max(1, round(first * training.config.epochs))
    scout = Scout(gold.index, len(gold) / len(training.rows), keep, decay)
    training.fit(training.learner("first"), scout, epochs, record=False)
    stated = training.task.noise_rate
    rate = training.memoize("rate", lambda: estimated_noise_rate(training.ledger) if stated is None else stated)
    return epochs - 1, scout.lessons(rate)
