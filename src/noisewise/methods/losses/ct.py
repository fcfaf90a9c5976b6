"""The photon likelihood of low-dose computed tomography (Xie et al., IEEE TMI 2017), its data equation.

    P = Q + e,    Q ~ Poisson(I0 exp(-l)),    e ~ N(0, sigma^2)
    L(l) = min over Q >= 0 of (P - Q)^2 / (2 sigma^2) + I0 exp(-l) - Q (log I0 - l) + log Q!

A detector counts Q of the I0 photons sent along a line with integral l; electronic noise perturbs it.
`photon_nll` is this likelihood at the most probable count. It is convex in Q with a concave derivative, so
Newton's method increases monotonically to the minimiser; the gradient by l is Q - I0 exp(-l) (envelope theorem).

The paper uses it, with a prior on the sinogram, for regression on measurements. Applying it to labels is our addition:
the label is a measurement of I0 photons in the given class and none in the others, and the network predicts the
expected counts I0 p_k. Then Q / I0 is a corrected label between the given one and the prediction. Up to a constant, the
loss is at most cross entropy, which it approaches as sigma goes to 0, and at most I0 / (2 sigma^2) + 1: a label that
the network finds too unlikely is treated as electronic noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch, distributions
from noisewise.training.method import Method, MethodCard

_STEPS = 15


@torch.no_grad()
def most_probable_count(log_rate: Tensor, measured: Tensor, sigma: Tensor) -> Tensor:
    """Q >= 0, real-valued, that minimises (P - Q)^2 / (2 sigma^2) - Q log rate + log Q!; shapes broadcast."""
    count = torch.minimum(measured, log_rate.exp()).clamp_min(0)
    for _ in range(_STEPS):
        slope = (count - measured) / sigma**2 - log_rate + torch.digamma(count + 1)
        count = (count - slope / (1 / sigma**2 + torch.polygamma(1, count + 1))).clamp_min(0)
    return count


def photon_nll(line_integrals: Tensor, measured: Tensor, i0: float | Tensor, sigma: float | Tensor) -> Tensor:
    """Negative log-likelihood of measurements behind line integrals, at the most probable photon count.

    Args:
        line_integrals: l, of any shape; what a network predicts. Differentiable.
        measured: P in photons, of a shape that broadcasts; may be negative.
        i0: photons sent.
        sigma: standard deviation of the electronic noise, in photons, above 0.

    Returns:
        The terms that depend on l, P and Q, without log sqrt(2 pi) sigma; of the shape of the inputs together.
    """
    photons, width = (torch.as_tensor(v, dtype=line_integrals.dtype) for v in (i0, sigma))  # numbers stay on the host
    log_rate = photons.log() - line_integrals
    count = most_probable_count(log_rate, measured, width)
    electronic = (measured - count) ** 2 / (2 * width**2)
    return electronic + log_rate.exp() - count * log_rate + torch.lgamma(count + 1)


def photon_label_loss(logits: Tensor, targets: Tensor, i0: float = 100.0, sigma: float = 7.0) -> Tensor:
    """Photon likelihood of a label read as a measurement (after Xie et al. 2017), per photon.

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        i0: photons per label.
        sigma: standard deviation of the electronic noise, in photons, above 0.

    Returns:
        (..., B) per-sample losses.
    """
    measured = i0 * distributions(logits, targets)
    return photon_nll(-torch.log_softmax(logits, dim=-1), measured, i0, sigma).sum(dim=-1) / i0


class CT(Method):
    """Loss station: the label as a noisy count of photons.

    Args:
        i0: photons per label.
        sigma: electronic noise, in photons; the larger relative to the root of i0, the more of a label may be noise.
    """

    card = MethodCard(
        "ct",
        "A label is read as a count of photons with electronic noise, whose most probable value lies between the label "
        "and the prediction. A label that the network finds too unlikely is treated as noise.",
        "Xie, Zeng, Zhao, Meng and others, Robust Low-Dose CT Sinogram Preprocessing via Exploiting Noise-Generating "
        "Mechanism, IEEE Transactions on Medical Imaging 2017",
        2017,
        "L = min_Q sum_k (I0 y_k - Q_k)^2 / (2 sigma^2) + I0 p_k - Q_k log(I0 p_k) + log Q_k!, over I0",
        departures="the paper's use is regression on measurements with a prior (`photon_nll` is that likelihood); "
        "reading labels as counts is our addition, as are I0 and sigma",
    )
    bounds = {"i0": between(1, 1e5), "sigma": between(1e-3, 1e5)}

    def __init__(self, i0: float = 100.0, sigma: float = 7.0) -> None:
        super().__init__()
        self.i0, self.sigma = i0, sigma

    def loss(self, batch: Batch) -> Tensor:
        return photon_label_loss(batch.scores, batch.y, self.i0, self.sigma)
