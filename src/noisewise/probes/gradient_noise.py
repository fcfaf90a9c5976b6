"""How far the gradients of single rows agree (McCandlish, Kaplan, Amodei et al., 2018; Shwartz-Ziv and Tishby, 2017).

With g_j the gradient of the mean loss of the given labels of b rows, G its mean and n the number of rows looked at:

    signal = |G|,   noise = sqrt(tr Cov(g_j)),   ratio = |G| / sqrt(tr Cov(g_j))
    noise scale = tr(Sigma) / |G|^2,   tr(Sigma) = b tr Cov(g_j),   |G|^2 less tr(Sigma) / n

The noise scale is the one of McCandlish et al., An Empirical Model of Large-Batch Training, equation 2.9, with the
estimates without bias of their appendix A.1: a mean over n rows is longer than the true gradient by tr(Sigma) / n.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from noisewise.errors import BadInput
from noisewise.probes.probe import Card, Measured, Probe, Subject, at_least

ALL = ""
BLOCK_NUMBERS = 2**25


@dataclass(frozen=True)
class Moments:
    """Of m gradients of one layer, or of all.

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
        """The trace of their covariance, without bias; NaN for a single gradient."""
        return max(self.square - self.mean, 0.0) * self.count / (self.count - 1) if self.count > 1 else math.nan


class GradientNoise(Probe):
    """Norm of the mean gradient, deviation of the gradients of batches, their ratio, and the gradient noise scale.

    Args:
        examples: how many training rows to look at; what is left over of whole batches is not used.
        every: after how many epochs again.
        batch: rows per gradient, b.
    """

    card = Card(
        "gradient-noise",
        "How far the gradients of single rows, or of small batches, agree with their mean. Where the ratio is high, "
        "steps drift all in one direction; where it is low, they diffuse. The noise scale is the batch size up to "
        "which a larger batch saves steps.",
        {
            "gradient_signal": "norm of the mean gradient",
            "gradient_noise": "root of the trace of the covariance of the gradients of batches",
            "gradient_ratio": "signal over noise",
            "noise_scale": "trace of the covariance of single rows' gradients over the squared norm of the true "
            "gradient, in rows; NaN where the rows are too few to tell that gradient from zero",
        },
        "1 forward and 1 backward pass, in evaluation mode",
        "McCandlish, Kaplan, Amodei and the OpenAI Dota Team, An Empirical Model of Large-Batch Training; Shwartz-Ziv "
        "and Tishby, Opening the Black Box of Deep Neural Networks via Information",
        2018,
        departures="evaluation mode: batch normalisation uses its running statistics. Shwartz-Ziv and Tishby divide "
        "signal and noise of a layer by the norm of its weights, which leaves their ratio as it is",
    )

    def __init__(self, examples: int = 256, every: int = 1, batch: int = 1) -> None:
        super().__init__(examples, every)
        at_least("gradient-noise", "batch", batch, 1)
        self.batch = int(batch)

    def measure(self, subject: Subject) -> Measured:
        """See `Probe.measure`.

        Raises:
            BadInput: a data set alone, or fewer rows than two batches.
        """
        count = len(subject.x) // self.batch
        if count < 2:
            raise BadInput(f"gradient-noise: {len(subject.x)} rows are fewer than two batches of {self.batch}")
        found: Measured = {}
        for layer, moments in gradient_moments(subject.net, subject.x, subject.given, self.batch).items():
            columns = _columns(moments, self.batch)
            found |= {name if layer == ALL else f"{name}/{layer}": value for name, value in columns.items()}
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


def gradient_moments(net: nn.Module, x: Tensor, labels: Tensor, batch: int = 1) -> dict[str, Moments]:
    """Moments of the gradients of the cross entropy, in all (under "") and by layer that has parameters.

    The network is asked as it is, in the mode it is in, and left so. About 128 MB of gradients are held at a time.

    Args:
        net: (n, ...) to (n, K) logits; parameters that are frozen do not count.
        x: (n, ...) inputs. labels: (n,) int64 classes.
        batch: rows per gradient; rows left over after n // batch gradients are not used.
    """
    weights = {name: value.detach() for name, value in net.named_parameters() if value.requires_grad}
    frozen = {name: value.detach() for name, value in net.named_parameters() if name not in weights}
    others = {**frozen, **dict(net.named_buffers())}

    def loss(at: Mapping[str, Tensor], rows: Tensor, given: Tensor) -> Tensor:
        return nn.functional.cross_entropy(functional_call(net, {**at, **others}, (rows,)), given)

    each = vmap(grad(loss), in_dims=(None, 0, 0))
    count = len(x) // batch
    grouped = x[: count * batch].reshape(count, batch, *x.shape[1:])
    given = labels[: count * batch].reshape(count, batch)
    held = max(1, BLOCK_NUMBERS // max(sum(value.numel() for value in weights.values()), 1))
    sums = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in weights.items()}
    squares = dict.fromkeys(weights, 0.0)
    for rows, wanted in zip(grouped.split(held), given.split(held), strict=True):
        for name, found in each(weights, rows, wanted).items():
            sums[name] += found.sum(dim=0, dtype=torch.float64)
            squares[name] += float(found.double().square().sum())
    means = {name: float((total / count).square().sum()) for name, total in sums.items()}
    layers = {name: name.rpartition(".")[0] or name for name in weights}
    parts = {ALL: list(weights)} | {layer: [n for n in weights if layers[n] == layer] for layer in layers.values()}
    return {
        part: Moments(sum(means[n] for n in names), sum(squares[n] for n in names) / count, count)
        for part, names in parts.items()
    }
