"""CDR, robust early-learning (Xia et al., ICLR 2021), equations 3 to 6.

    g_i = |w_i dL/dw_i|;  the m_c = (1 - tau) m parameters with the largest g are critical
    critical:      w <- w - eta ((1 - tau) dL/dw + decay)
    non-critical:  w <- w - eta decay

The gradient of non-critical parameters is set to zero, so that only the decay changes them. As in the authors' code the
ranking is global over all weight matrices and convolutions, biases and normalisation are not changed (with `biases`
they are treated like weights), and the decay is the optimiser's L2 (the paper has L1: `l1`). Exactly m_c entries are
kept: ties are broken by position, where a threshold would keep or drop all of them. The optimiser's momentum still
contains gradients of earlier steps. Random numbers (`fixed`, `sampled`) are functions of a seed, drawn once, and of the
step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between, one_of, whole
from noisewise.errors import BadInput
from noisewise.methods.gradients.criticality import (
    CRITERIA,
    by_position,
    importances,
    keep_largest,
    kth_mask,
    masked,
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
        biases: also mask, scale and decay by `l1` what has one dimension (biases and normalisation), as that note does:
            its form is `ordering=tensor,compat_kth=true,biases=true`.

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
        f"supplement's as `compat_supplement`, and its masks of biases as `biases`; {SELF_SET}",
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
        biases: bool = False,
    ) -> None:
        super().__init__()
        ways = {"sampled": sampled is not None, "compat_kth": compat_kth, "compat_supplement": compat_supplement}
        chosen = [name for name, given in ways.items() if given]
        if len(chosen) > 1:
            raise BadInput(f"cdr: {chosen[0]} and {chosen[1]} are two ways to find the threshold: give one of them")
        self.tau, self.criterion, self.l1, self.decay, self.biases = tau, criterion, l1, decay, biases
        self.ordering, self.scale = ("tensor", False) if compat_supplement else (ordering, scale)
        self._space: Tensor | None = None
        self.sampled, self.compat_kth, self.compat_supplement = sampled, compat_kth, compat_supplement

    def prepare(self, task: LearningTask) -> None:
        """Allocate what the noise rate needs, and draw the seed of random masks and samples."""
        self.noise = NoiseRate(task, self.tau if self.tau is not None else task.noise_rate)
        self.draws = Draws(task)

    def gradient(self, gradients: Gradients, params: Gradients, regrad: Regrad, batch: Batch) -> Gradients:
        share, names = self.noise.value, [name for name, p in params.items() if self.biases or p.ndim >= 2]
        if not names or (share == 0 and not self.l1 and not self.compat_supplement):
            return gradients
        rng = self.draws.at(Clock() if self.criterion == "fixed" else batch.clock) if self._random else None
        changed = dict(gradients)
        for group in [[name] for name in names] if self.ordering == "tensor" else [names]:
            given = [gradients[name] for name in group]
            kept = self._kept(given, [params[name].detach() for name in group], share, rng)
            if self.scale:
                torch._foreach_mul_(kept, 1 - share)
            changed.update(zip(group, kept, strict=True))
        if self.l1:
            for name in names:
                changed[name] = changed[name] + self._l1_term(params[name], changed[name], batch.clock.lr)
        return changed

    @property
    def _random(self) -> bool:
        return self.criterion == "fixed" or self.sampled is not None

    def _l1_term(self, weight: Tensor, gradient: Tensor, lr: float) -> Tensor:
        if self.decay == "proximal":
            return proximal_term(weight, gradient, self.l1, lr)
        return self.l1 * weight.sign()

    def _kept(
        self, gradients: list[Tensor], weights: list[Tensor], share: float, rng: torch.Generator | None
    ) -> list[Tensor]:
        """New tensors: the gradients of critical entries, and zeros for all others."""
        space = self._room(sum(weight.numel() for weight in weights), weights[0])
        important = importances(self.criterion, gradients, weights, space, rng)
        entries = len(space)
        if self.compat_supplement:
            return masked(gradients, supplement_mask(by_position(important), share))
        if self.compat_kth:
            return masked(gradients, kth_mask(by_position(important), int(share * entries)))
        if self.sampled is not None and rng is not None and self.sampled < entries and share > 0:
            return masked(gradients, sampled_mask(by_position(important), share, self.sampled, rng))
        wanted = (1 - share) * entries
        keep = round(wanted) if self.ordering == "tensor" else int(wanted + 1e-6)
        return keep_largest(gradients, important, space, keep)

    def _room(self, entries: int, like: Tensor) -> Tensor:
        """(entries,) numbers to write to, the same in every step: new memory costs more than what is written there."""
        kind = torch.promote_types(like.dtype, torch.float32)
        room = self._space
        if room is None or len(room) < entries or (room.device, room.dtype) != (like.device, kind):
            room = self._space = torch.empty(entries, dtype=kind, device=like.device)
        return room[:entries]

    def refit(self, epoch_end: EpochEnd) -> None:
        self.noise.update(epoch_end)
