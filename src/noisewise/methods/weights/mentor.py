"""Shared by the two curricula of mentornet: the network g that weighs rows, what it learns from, and its training.

The LSTM of the authors' code sees one step from a zero state, and its cell state is read: input gate times candidate,
in two directions. The forget gate and the recurrent weights have no effect, and the embedding of a label that is always
0 is a bias; they are left out.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

EPOCHS = 100
"""The student's training is divided into this many equal epochs, whatever its length, as in the authors' code."""

# Ranges of the inputs on which the predefined curriculum is sampled; outside them g would extrapolate.
_LARGEST_LOSS, _LARGEST_DIFFERENCE = 30.0, 5.0


class MentorNet(nn.Module):
    """g: two recurrent features of (loss, difference), an embedding of the epoch, 20 hidden units, one logit.

    Args:
        epoch_size: length of the embedding of the epoch, which is random and fixed.
        hidden: number of hidden units.
    """

    def __init__(self, epoch_size: int = 5, hidden: int = 20) -> None:
        super().__init__()
        self.gates = nn.Linear(2, 4)
        self.epochs = nn.Embedding(EPOCHS, epoch_size)
        self.epochs.weight.requires_grad_(False)
        self.hidden = nn.Linear(epoch_size + 2, hidden)
        self.out = nn.Linear(hidden, 1)
        for weight in (self.hidden.weight, self.hidden.bias, self.out.weight):
            nn.init.normal_(weight)

    def forward(self, losses: Tensor, differences: Tensor, epoch: Tensor) -> Tensor:
        """Logits of the weights.

        Args:
            losses: (...) losses of the rows.
            differences: (...) losses minus the threshold lambda.
            epoch: (...) percent of the training done, 0 to 99, int64.
        """
        seen = torch.stack(
            [losses.clamp(0, _LARGEST_LOSS), differences.clamp(-_LARGEST_DIFFERENCE, _LARGEST_DIFFERENCE)], dim=-1
        )
        gate, candidate = self.gates(seen).chunk(2, dim=-1)
        state = gate.sigmoid() * candidate.tanh()
        return self.out(self.hidden(torch.cat([self.epochs(epoch), state], dim=-1)).tanh())[..., 0]


class Lessons(NamedTuple):
    """What a MentorNet learns from.

    Attributes:
        losses: (n,) losses of rows.
        differences: (n,) losses minus lambda.
        epoch: (n,) percent of the training done, int64.
        right: (n,) weights that the MentorNet should give.
        counts: (n,) how much each lesson counts.
    """

    losses: Tensor
    differences: Tensor
    epoch: Tensor
    right: Tensor
    counts: Tensor


def teach(lessons: Lessons, rng: torch.Generator, steps: int, lr: float = 0.1, size: int = 256) -> MentorNet:
    """Train a MentorNet by Adam on weighted cross entropy, with a learning rate that falls linearly to zero.

    Args:
        lessons: what it learns from.
        rng: draws the seed of its weights, then the batches.
        steps: number of training steps.
        lr: learning rate at the start.
        size: lessons per step.

    Returns:
        The trained MentorNet, frozen.
    """
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
