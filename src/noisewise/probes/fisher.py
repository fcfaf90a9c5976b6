"""The trace of the Fisher information: how much a network's predictions depend on its weights.

    tr F = E_x E_{y ~ p(y|x)} ||grad_w log p(y|x)||^2

Achille, Rovere and Soatto, Critical Learning Periods in Deep Networks, ICLR 2019, section 3. The labels y are drawn
from the network's own prediction, not from the data; the latter would give the empirical Fisher information instead.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from noisewise.bounds import Bound, whole
from noisewise.probes.per_example_gradient_norms import SquaredNorms
from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject

Labels = Literal["exact"] | int
DRAWS = whole(1)
LABELS = Bound("be 'exact' or a number of draws from 1", lambda value: value == "exact" or DRAWS.allows(value))


class Fisher(Probe):
    """Trace of the Fisher information of the weights, overall and per layer, in nats.

    Args:
        labels: "exact" computes the expectation over the labels as a sum over the classes; a number draws that many
            labels per row from the network's predictions.
        examples: number of training rows to measure.
        every: number of epochs between measurements.
    """

    bounds = {"labels": LABELS}

    card = ProbeCard(
        "fisher",
        "The trace of the Fisher information of the weights: how much predictions change with the weights. It rises "
        "while a network learns and falls as it converges; afterwards the network can learn new things less easily.",
        {"fisher_trace": "mean squared norm of the gradient of log p(y|x), y drawn from the network's prediction"},
        "1 forward pass, and per class (or drawn label) 1 backward pass and a square of every gradient",
        "Achille, Rovere and Soatto, Critical Learning Periods in Deep Networks, ICLR 2019",
        2019,
        departures="the paper estimates the traces of layers by adding noise to their weights; here all traces are "
        "sums of squared gradients over training rows",
    )

    def __init__(self, labels: Labels = "exact", examples: int = 256, every: int = 1) -> None:
        super().__init__(examples, every)

        self.labels = labels

    def measure(self, subject: Subject) -> Measured:
        parts = layer_traces(subject.net, subject.x, self.labels, subject.rng)
        return {"fisher_trace": sum(parts.values()), **{f"fisher_trace/{name}": v for name, v in parts.items()}}


def layer_traces(net: nn.Module, x: Tensor, labels: Labels, rng: torch.Generator) -> dict[str, float]:
    """The trace of the Fisher information of the parameters of every layer, by the name of its module.

    A layer is a module that has parameters of its own, including frozen ones.

    Args:
        net: maps (n, ...) inputs to (n, K) logits, in evaluation mode.
        x: (n, ...) inputs.
        labels: "exact", or the number of labels to draw per row.
        rng: generator on the CPU, for the drawn labels.
    """
    squares = SquaredNorms(net, None if labels == "exact" else labels)
    totals = dict.fromkeys(squares.parameters, 0.0)
    for part in x.split(squares.rows_at_once(x)):
        with squares.forward_pass(part) as passed:
            p = passed.logits.softmax(dim=1)
            for pulled in _exact_pulls(p) if labels == "exact" else _sampled_pulls(p, labels, rng):
                for name, value in passed.squared_norms(pulled).items():
                    totals[name] += float(value.sum(dtype=torch.float64))
    return {name or type(net).__name__: total / len(x) for name, total in totals.items()}


def _exact_pulls(p: Tensor) -> list[Tensor]:
    """For every class y the (n, K) gradient of log p(y|x) with respect to the logits, times the root of p(y|x)."""
    unit = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
    return [(unit[y] - p) * p[:, y : y + 1].sqrt() for y in range(p.shape[1])]


def _sampled_pulls(p: Tensor, draws: int, rng: torch.Generator) -> list[Tensor]:
    """For every draw the (n, K) gradient of log p(y|x) with respect to the logits, over the root of the draws."""
    labels = torch.multinomial(p.cpu(), draws, replacement=True, generator=rng).to(p.device)
    unit = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
    return [(unit[labels[:, k]] - p) / draws**0.5 for k in range(draws)]
