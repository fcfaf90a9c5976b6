"""Agreement of the gradients of single rows (McCandlish, Kaplan, Amodei et al., 2018; Shwartz-Ziv and Tishby, 2017).

Let g_j be the gradient of the mean loss on the given labels of b rows, G their mean and n the number of rows measured:

    signal = |G|,   noise = sqrt(tr Cov(g_j)),   ratio = |G| / sqrt(tr Cov(g_j))
    noise scale = tr(Sigma) / (|G|^2 - tr(Sigma) / n),   tr(Sigma) = b tr Cov(g_j)

The noise scale follows McCandlish et al., An Empirical Model of Large-Batch Training, equation 2.9, with the unbiased
estimates of their appendix A.1: on average |G|^2 exceeds the squared norm of the true gradient by tr(Sigma) / n.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from noisewise.bounds import whole
from noisewise.errors import BadInput
from noisewise.probes.per_example_gradient_norms import SquaredNorms
from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject

PART = 256  # rows per pass for the mean gradient


@dataclass(frozen=True)
class Moments:
    """Moments of m gradients of one layer, or of the whole network.

    Attributes:
        mean: |G|^2, the squared norm of their mean.
        square: the mean of their squared norms.
        count: m.
    """

    mean: float
    square: float
    count: int

    @property
    def spread(self) -> float:
        """The unbiased trace of their covariance; NaN for a single gradient."""
        return max(self.square - self.mean, 0.0) * self.count / (self.count - 1) if self.count > 1 else math.nan


class GradientNoise(Probe):
    """Norm of the mean gradient, deviation of the gradients of batches, their ratio, and the gradient noise scale.

    Args:
        examples: number of training rows to measure; rows left over from whole batches are not used.
        every: number of epochs between measurements.
        batch: rows per gradient, b.
    """

    bounds = {"batch": whole(1)}

    card = ProbeCard(
        "gradient-noise",
        "How far the gradients of single rows, or of small batches, agree with their mean. If the ratio is high, all "
        "steps drift in one direction; if it is low, they diffuse. The noise scale is the batch size up to which a "
        "larger batch saves steps.",
        {
            "gradient_signal": "norm of the mean gradient",
            "gradient_noise": "root of the trace of the covariance of the gradients of batches",
            "gradient_ratio": "signal over noise",
            "noise_scale": "trace of the covariance of single rows' gradients over the squared norm of the true "
            "gradient, in rows; NaN if the rows are too few to distinguish that gradient from zero",
        },
        "2 forward and 2 backward passes; 1 of each for gradients of batches",
        "McCandlish, Kaplan, Amodei and the OpenAI Dota Team, An Empirical Model of Large-Batch Training; Shwartz-Ziv "
        "and Tishby, Opening the Black Box of Deep Neural Networks via Information",
        2018,
        departures="evaluation mode: batch normalisation uses its running statistics. Shwartz-Ziv and Tishby divide "
        "signal and noise of a layer by the norm of its weights, which does not change their ratio",
    )

    def __init__(self, examples: int = 256, every: int = 1, batch: int = 1) -> None:
        super().__init__(examples, every)

        self.batch = batch

    def measure(self, subject: Subject) -> Measured:
        """See `Probe.measure`.

        Raises:
            BadInput: there is no network, or there are fewer rows than two batches.
        """
        count = len(subject.x) // self.batch
        if count < 2:
            raise BadInput(f"gradient-noise: {len(subject.x)} rows are fewer than two batches of {self.batch}")
        whole, layers = gradient_moments(subject.net, subject.x, subject.given, self.batch)
        found = _columns(whole, self.batch)
        for layer, moments in layers.items():
            found |= {f"{name}/{layer}": value for name, value in _columns(moments, self.batch).items()}
        return found


def _columns(moments: Moments, batch: int) -> Measured:
    trace = batch * moments.spread
    true = moments.mean - trace / (batch * moments.count)
    return {
        "gradient_signal": math.sqrt(moments.mean),
        "gradient_noise": math.sqrt(moments.spread),
        "gradient_ratio": math.sqrt(moments.mean / moments.spread) if moments.spread > 0 else math.nan,
        "noise_scale": trace / true if true > 0 else math.nan,
    }


def gradient_moments(net: nn.Module, x: Tensor, labels: Tensor, batch: int = 1) -> tuple[Moments, dict[str, Moments]]:
    """Moments of the gradients of the cross entropy: of the whole network, and by layer.

    A layer is a module with parameters of its own, including frozen ones. The network does not change.

    Args:
        net: maps (n, ...) inputs to (n, K) logits, in evaluation mode.
        x: (n, ...) inputs.
        labels: (n,) int64 classes.
        batch: rows per gradient; rows left over after n // batch gradients are not used.
    """
    count = len(x) // batch
    x, labels = x[: count * batch], labels[: count * batch]
    squares = SquaredNorms(net)
    means, lengths = _by_batch(net, x, labels, batch if batch > 1 else PART)
    if batch == 1:
        lengths = _of_rows(squares, x, labels)
    parts = {
        layer or type(net).__name__: Moments(
            sum(float(means[name].square().sum()) for name in names),
            lengths[layer] if batch == 1 else sum(lengths[name] for name in names),
            count,
        )
        for layer, names in squares.parameters.items()
    }
    whole = Moments(sum(part.mean for part in parts.values()), sum(part.square for part in parts.values()), count)
    return whole, parts


def _by_batch(net: nn.Module, x: Tensor, labels: Tensor, size: int) -> tuple[dict[str, Tensor], dict[str, float]]:
    """By parameter the gradient of the mean loss, and the mean squared norm of the gradients of batches."""
    weights = {name: value.detach().clone().requires_grad_() for name, value in net.named_parameters()}
    means = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in weights.items()}
    lengths = dict.fromkeys(weights, 0.0)
    for rows, given in zip(x.split(size), labels.split(size), strict=True):
        with torch.enable_grad():
            loss = nn.functional.cross_entropy(functional_call(net, weights, (rows,)), given)
            found = torch.autograd.grad(loss, list(weights.values()), materialize_grads=True)
        share = len(rows) / len(x)
        for name, gradient in zip(weights, found, strict=True):
            means[name] += share * gradient.double()
            lengths[name] += share * float(gradient.double().square().sum())
    return means, lengths


def _of_rows(squares: SquaredNorms, x: Tensor, labels: Tensor) -> dict[str, float]:
    """By layer the mean squared norm of the gradients of single rows."""
    totals = dict.fromkeys(squares.parameters, 0.0)
    size = squares.rows_at_once(x)
    for rows, given in zip(x.split(size), labels.split(size), strict=True):
        with squares.forward_pass(rows) as passed:
            pulled = passed.logits.softmax(dim=1)
            pulled[torch.arange(len(rows)), given] -= 1
            for layer, found in passed.squared_norms(pulled).items():
                totals[layer] += float(found.sum(dtype=torch.float64))
    return {layer: total / len(x) for layer, total in totals.items()}
