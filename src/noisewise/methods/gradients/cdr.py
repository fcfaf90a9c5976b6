"""CDR, robust early-learning (Xia et al., ICLR 2021), equations 3 to 6.

    g_i = |w_i dL/dw_i|;  the m_c = (1 - tau) m parameters with the largest g are critical
    critical:      w <- w - eta ((1 - tau) dL/dw + decay)
    non-critical:  w <- w - eta decay

The gradient of non-critical parameters is set to zero, so that only the decay changes them. As in the authors' code the
ranking is global over all weight matrices and convolutions, biases and normalisation are not changed, and the decay is
the optimiser's L2 (the paper has L1: `l1`). Exactly m_c entries are kept: ties are broken by position, where a
threshold would keep or drop all of them. The optimiser's momentum still contains gradients of earlier steps. Random
numbers (`fixed`, `sampled`) are functions of a seed, drawn once, and of the step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between, one_of, whole
from noisewise.errors import BadInput
from noisewise.methods.gradients.criticality import (
    CRITERIA,
    critical_mask,
    importance,
    kth_mask,
    sampled_mask,
    supplement_mask,
)
from noisewise.methods.gradients.gradient_noise import Draws
from noisewise.methods.rate import SELF_SET, NoiseRate
from noisewise.training.batch import Batch, Clock
from noisewise.training.method import EpochEnd, Gradients, LearningTask, Method, MethodCard, Regrad


def proximal_term(weight: Tensor, gradient: Tensor, l1: float, lr: float) -> Tensor:
    """What to add to the gradient so that a step of size `lr` soft-thresholds the weights.

    The step ends at w - lr g moved towards zero by lr l1, but not past zero. This is exact for SGD without momentum and
    decay, where lambda sign(w) would overshoot zero and oscillate.

    Args:
        weight: the weights w, of any shape.
        gradient: their gradient g, of the same shape.
        l1: lambda.
        lr: learning rate.
    """
    return (weight / max(lr, 1e-12) - gradient).clamp(-l1, l1)


class CDR(Method):
    """Gradient station: only critical parameters get a gradient.

    Args:
        tau: share of non-critical parameters, the noise rate in the paper; None takes the stated noise rate, or
            estimates it after every epoch.
        ordering: rank weights "global" (all together, as the authors' code) or per "tensor".
        scale: multiply the critical gradient by 1 - tau (equation 5).
        l1: lambda of an L1 decay of all weights.
        decay: how l1 is applied: "sign" adds lambda sign(w) to the gradient, "proximal" soft-thresholds the weights.
        criterion: "product" |g w|, "sum" |g| + |w|, or "fixed", a random mask drawn once.
        sampled: number of random entries to take the threshold from, for speed; None ranks all of them. The share
            kept has a standard deviation of sqrt(tau (1 - tau) / sampled).
        compat_kth: zero only what is strictly below the int(tau m)-th smallest entry, as the CDR optimiser of a
            practitioner's note does: one entry more is kept, and all ties are.
        compat_supplement: the faster rule of that note's supplement, by tensor and without the factor 1 - tau; it
            overrides `ordering` and `scale`. Tensors of up to 1,000 entries are not changed. In those of m > 10,000 the
            first 10,000 entries set the threshold, and about 100 sqrt(m) (1 - tau) entries are kept.

    Raises:
        BadInput: two of `sampled`, `compat_kth` and `compat_supplement`.
    """

    card = MethodCard(
        "cdr",
        "Only critical parameters, those with a large product of gradient and weight, are updated; the others only "
        "decay. Critical parameters fit clean labels, the others are needed to memorise noise.",
        "Xia, Liu, Han, Gong, Wang, Ge and Chang, Robust Early-Learning: Hindering the Memorization of Noisy Labels, "
        "ICLR 2021",
        2021,
        "g <- (1 - tau) g where |w g| is among the (1 - tau) m largest, else 0",
        departures="L2 decay by the optimiser as in the authors' code, L1 as an option; the accuracy pass "
        "that moves BatchNorm twice is left out; the strict rule of a practitioner's note as `compat_kth`, its "
        f"supplement's as `compat_supplement`; {SELF_SET}",
    )
    bounds = {
        "tau": between(0, 0.9999) | None,
        "ordering": one_of("global", "tensor"),
        "l1": between(0, 1),
        "decay": one_of("sign", "proximal"),
        "criterion": one_of(*CRITERIA),
        "sampled": whole(1, 2**31) | None,
    }

    def __init__(
        self,
        tau: float | None = None,
        ordering: str = "global",
        scale: bool = True,
        l1: float = 0.0,
        decay: str = "sign",
        criterion: str = "product",
        sampled: int | None = None,
        compat_kth: bool = False,
        compat_supplement: bool = False,
    ) -> None:
        super().__init__()
        ways = {"sampled": sampled is not None, "compat_kth": compat_kth, "compat_supplement": compat_supplement}
        chosen = [name for name, given in ways.items() if given]
        if len(chosen) > 1:
            raise BadInput(f"cdr: {chosen[0]} and {chosen[1]} are two ways to find the threshold: give one of them")
        self.tau, self.criterion, self.l1, self.decay = tau, criterion, l1, decay
        self.ordering, self.scale = ("tensor", False) if compat_supplement else (ordering, scale)
        self.sampled, self.compat_kth, self.compat_supplement = sampled, compat_kth, compat_supplement

    def prepare(self, task: LearningTask) -> None:
        """Allocate what the noise rate needs, and draw the seed of random masks and samples."""
        self.noise = NoiseRate(task, self.tau if self.tau is not None else task.noise_rate)
        self.draws = Draws(task)

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        weights = {name: p for name, p in params.items() if p.ndim >= 2}
        share = self.noise.value
        masks = self._masks({name: gradients[name] for name in weights}, weights, share, batch.clock)
        factor = 1 - share if self.scale else 1.0
        changed = dict(gradients)
        for name, weight in weights.items():
            kept = gradients[name] * masks[name] * factor
            changed[name] = kept + self._l1_term(weight, kept, batch.clock.lr) if self.l1 else kept
        return changed

    def _l1_term(self, weight: Tensor, gradient: Tensor, lr: float) -> Tensor:
        if self.decay == "proximal":
            return proximal_term(weight, gradient, self.l1, lr)
        return self.l1 * weight.sign()

    def _masks(self, gradients: Gradients, weights: Gradients, share: float, clock: Clock) -> Gradients:
        rng = self.draws.at(Clock() if self.criterion == "fixed" else clock)
        every = {n: importance(self.criterion, g, weights[n], rng) for n, g in gradients.items()}
        masks: Gradients = {}
        for group in [[n] for n in every] if self.ordering == "tensor" else [list(every)]:
            mask = self._critical(torch.cat([every[n].reshape(-1) for n in group]), share, rng)
            parts = mask.split([every[n].numel() for n in group])
            masks |= {n: part.reshape(every[n].shape) for n, part in zip(group, parts, strict=True)}
        return masks

    def _critical(self, flat: Tensor, share: float, rng: torch.Generator) -> Tensor:
        if self.compat_supplement:
            return supplement_mask(flat, share)
        if self.compat_kth:
            return kth_mask(flat, int(share * len(flat)))
        if self.sampled is not None and self.sampled < len(flat) and share > 0:
            return sampled_mask(flat, share, self.sampled, rng)
        wanted = (1 - share) * len(flat)
        return critical_mask(flat, round(wanted) if self.ordering == "tensor" else int(wanted + 1e-6))

    def refit(self, epoch_end: EpochEnd) -> None:
        self.noise.update(epoch_end)
