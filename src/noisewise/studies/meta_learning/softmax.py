"""Softmax regression whose weight decays are judged by trusted rows, a training short enough to be looked through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, cross_entropy

from noisewise.studies.harness.data import draw
from noisewise.training.meta.bilevel import Bilevel

FORMS = ("one-step", "unrolled", "implicit")
STEP = 0.05  # of log decay on either side, for differences
RATE, BETAS = 0.3, (0.8, 0.95)  # of Adam on log decays


@dataclass(frozen=True)
class Regression:
    """Rows with wrong labels, trusted rows, and a decay for every class or one for all.

    Attributes:
        problem: the losses, of weights (d K,) and logarithms of decays (M,).
        start: (d K,) zeros.
        tested: the test rows' inputs, (n, d), and labels, (n,).
    """

    problem: Bilevel
    start: Tensor
    tested: tuple[Tensor, Tensor]

    def accuracy(self, w: Tensor) -> float:
        """The share of the test rows that weights (d K,) classify as labelled."""
        rows, labels = self.tested
        return float((_logits(w, rows).argmax(dim=1) == labels).double().mean())


def regression(source: str, rows: int, trusted: int, tested: int, corrupt: str, seed: int, pool: int) -> Regression:
    """Draw the rows; images are averaged over squares of `pool` pixels, and every feature is standardised.

    Args:
        source: of images.
        rows: to train on.
        trusted: rows with right labels.
        tested: test rows.
        corrupt: a corruption spec.
        seed: of the draws.
        pool: in pixels.
    """
    data = draw(source, rows, tested, corrupt, seed, trusted, redraw=True)
    assert data.test is not None
    assert data.trusted is not None
    parts = []
    for part in (data, data.trusted, data.test):
        images = torch.as_tensor(np.asarray(part.inputs[:])).double().permute(0, 3, 1, 2) / 255
        parts.append((avg_pool2d(images, pool).flatten(1), torch.as_tensor(part.given)))
    mean, scale = parts[0][0].mean(dim=0), parts[0][0].std(dim=0).clamp_min(1e-2)
    (x, y), (gold_x, gold_y), tests = [
        (torch.cat([(x - mean) / scale, torch.ones(len(x), 1, dtype=x.dtype)], dim=1), y) for x, y in parts
    ]

    def loss(w: Tensor, logs: Tensor) -> Tensor:
        squares = w.view(x.shape[1], -1).square().sum(dim=0)
        return cross_entropy(_logits(w, x), y) + (logs.exp() * squares).sum() / 2

    def goal(w: Tensor) -> Tensor:
        return cross_entropy(_logits(w, gold_x), gold_y)

    start = torch.zeros(x.shape[1] * len(data.classes), dtype=torch.float64)
    return Regression(Bilevel(loss, goal), start, tests)


def _logits(w: Tensor, rows: Tensor) -> Tensor:
    return rows @ w.view(rows.shape[1], -1)


def slopes(decays: list[float], steps: int, lr: float, momentum: float, **drawn: Any) -> dict[str, Any]:
    """The slope of the trusted loss after a training, by the logarithm of the weight decay, by every form.

    Args:
        decays: at which it is measured.
        steps: of full-batch gradient descent.
        lr: its learning rate.
        momentum: of the descent.
        **drawn: see `regression`.

    Returns:
        `slopes`, a table with a row per decay: `decay`, the trusted `loss` and test `accuracy` after the training, the
        slope by `difference` of two trainings, and by each of `FORMS`.
    """
    case = regression(**drawn)
    problem, found = case.problem, []
    for decay in decays:
        at = torch.tensor([np.log(decay)], dtype=torch.float64)
        w, unrolled = problem.by_forward(case.start, at, steps, lr, momentum)
        ends = [problem.descend(case.start, at + side, steps, lr, momentum) for side in (-STEP, STEP)]
        around = [float(problem.goal(end)) for end in ends]
        found.append(
            {
                "decay": decay,
                "loss": float(problem.goal(w)),
                "accuracy": case.accuracy(w),
                "difference": (around[1] - around[0]) / (2 * STEP),
                "one-step": float(problem.of_last_step(w, at, lr)),
                "unrolled": float(unrolled),
                "implicit": float(problem.at_minimum(w, at)),
            }
        )
    return {"slopes": pd.DataFrame(found)}


def descended(
    form: str, start: float, each: bool, rounds: int, steps: int, lr: float, momentum: float, **drawn: Any
) -> dict[str, Any]:
    """Tune the decay by one form: train, take the derivative, change the logarithm of the decay by Adam, and again.

    Args:
        form: one of `FORMS`.
        start: the first decay.
        each: whether every class has a decay of its own.
        rounds: how many trainings.
        steps: of each.
        lr: of the trainings.
        momentum: of the trainings.
        **drawn: see `regression`.

    Returns:
        `path`, a table with a row per training: `decay` (the geometric mean), the trusted `loss` and test `accuracy`.
    """
    case = regression(**drawn)
    problem, path = case.problem, []
    classes = len(case.start) // case.tested[0].shape[1]
    logs = torch.full((classes if each else 1,), float(np.log(start)), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([logs], lr=RATE, betas=BETAS)
    for _ in range(rounds):
        at = logs.detach()
        if form == "unrolled":
            w, slope = problem.by_reverse(case.start, at, steps, lr, momentum)
        else:
            w = problem.descend(case.start, at, steps, lr, momentum)
            slope = problem.at_minimum(w, at) if form == "implicit" else problem.of_last_step(w, at, lr)
        path.append({"decay": float(at.mean().exp()), "loss": float(problem.goal(w)), "accuracy": case.accuracy(w)})
        logs.grad = slope.clone()
        optimiser.step()
    return {"path": pd.DataFrame(path)}
