"""The trace of the Fisher information: how much a network's predictions depend on its weights.

    tr F = E_x E_{y ~ p(y|x)} ||grad_w log p(y|x)||^2

Achille, Rovere and Soatto, Critical Learning Periods in Deep Networks, ICLR 2019, section 3. The labels are those that
the network itself would give, not those of the data: with the latter it would be another matrix, the empirical Fisher
information.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from noisewise.errors import BadInput
from noisewise.probes.per_example_gradient_norms import Squares
from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject

Labels = Literal["exact"] | int


class Fisher(Probe):
    """Trace of the Fisher information of the weights, in all and by layer, in nats.

    Args:
        labels: "exact" takes the expectation over the labels as a sum over the classes; a number draws so many labels
            per row from the network's predictions.
        examples: how many training rows to look at.
        every: after how many epochs again.
    """

    card = ProbeCard(
        "fisher",
        "The trace of the Fisher information of the weights: how much predictions change with them. It rises while a "
        "network learns and falls as it settles; what it loses then, it can no longer learn easily.",
        {"fisher_trace": "mean squared length of the gradient of log p(y|x), y drawn from the network's prediction"},
        "1 forward pass, and per class (or drawn label) 1 backward pass and a square of every gradient",
        "Achille, Rovere and Soatto, Critical Learning Periods in Deep Networks, ICLR 2019",
        2019,
        departures="the paper estimates layers by the noise that their weights bear; here all are exact sums of "
        "squared gradients, over training rows",
    )

    def __init__(self, labels: Labels = "exact", examples: int = 256, every: int = 1) -> None:
        super().__init__(examples, every)
        if labels != "exact" and (isinstance(labels, bool) or not isinstance(labels, int) or labels < 1):
            raise BadInput(f"fisher: labels={labels!r} must be 'exact' or a number of draws from 1")
        self.labels = labels

    def measure(self, subject: Subject) -> Measured:
        parts = layer_traces(subject.net, subject.x, self.labels, subject.rng)
        return {"fisher_trace": sum(parts.values()), **{f"fisher_trace/{name}": v for name, v in parts.items()}}


def layer_traces(net: nn.Module, x: Tensor, labels: Labels, rng: torch.Generator) -> dict[str, float]:
    """The trace of the Fisher information of the parameters of every layer, by the name of its module.

    A layer is a module that has parameters of its own; frozen ones count like all others.

    Args:
        net: in evaluation mode, (n, ...) to (n, K) logits.
        x: (n, ...) rows.
        labels: "exact", or the number of labels to draw per row.
        rng: on the CPU, for the draws.
    """
    squares = Squares(net, None if labels == "exact" else labels)
    totals = dict.fromkeys(squares.parameters, 0.0)
    for part in x.split(squares.rows_at_once(x)):
        with squares.passed(part) as passed:
            p = passed.logits.softmax(dim=1)
            for pulled in _exact(p) if labels == "exact" else _drawn(p, labels, rng):
                for name, value in passed.of(pulled).items():
                    totals[name] += float(value.sum(dtype=torch.float64))
    return {name or type(net).__name__: total / len(x) for name, total in totals.items()}


def _exact(p: Tensor) -> list[Tensor]:
    """For every class y the (n, K) gradient of log p(y|x) by the logits, times the root of p(y|x)."""
    unit = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
    return [(unit[y] - p) * p[:, y : y + 1].sqrt() for y in range(p.shape[1])]


def _drawn(p: Tensor, draws: int, rng: torch.Generator) -> list[Tensor]:
    """For every draw the (n, K) gradient of log p(y|x) by the logits, divided by the root of the number of draws."""
    labels = torch.multinomial(p.cpu(), draws, replacement=True, generator=rng).to(p.device)
    unit = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
    return [(unit[labels[:, k]] - p) / draws**0.5 for k in range(draws)]
