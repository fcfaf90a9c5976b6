"""The predefined curriculum of MentorNet (Jiang et al., ICML 2018), learned from made-up inputs, without data.

All rows count up to the end of the burn-in, then those with a loss below lambda (self-paced). In the last tenth of the
training those up to one nat above lambda count too, linearly less.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.methods.weights.linear_weighting import linear_weights
from noisewise.methods.weights.mentor import EPOCHS, Lessons
from noisewise.methods.weights.self_paced import self_paced_weights


def predefined_weights(differences: Tensor, epoch: Tensor, burn_in: float = 18) -> Tensor:
    """(n,) weights of the predefined curriculum.

    Args:
        differences: (n,) losses minus lambda.
        epoch: (n,) percent of the training done.
        burn_in: percent of the training in which every row counts.
    """
    late = linear_weights(differences, 1.0)
    middle = self_paced_weights(differences, 0.0)
    return torch.where(epoch <= burn_in, 1.0, torch.where(epoch >= 90, late, middle))


def predefined_lessons(rng: torch.Generator, burn_in: float = 18, rows: int = 100_000) -> Lessons:
    """Random inputs on the authors' grid, losses 0 to 29 and differences -5 to 4.9, with their weights.

    Args:
        rng: draws the inputs.
        burn_in: percent of the training in which every row counts.
        rows: number of lessons.
    """
    values = torch.cat([torch.arange(100) / 10, torch.arange(10.0, 30.0)])
    losses = values[torch.randint(len(values), (rows,), generator=rng)]
    differences = torch.randint(-50, 50, (rows,), generator=rng) / 10
    epoch = torch.randint(EPOCHS, (rows,), generator=rng)
    return Lessons(losses, differences, epoch, predefined_weights(differences, epoch, burn_in), torch.ones(rows))
