"""CDR, robust early-learning (Xia et al., ICLR 2021), equations 3 to 6.

    g_i = |w_i dL/dw_i|;  the m_c = (1 - tau) m parameters with the largest g are critical
    critical:      w <- w - eta ((1 - tau) dL/dw + decay)
    non-critical:  w <- w - eta decay

The gradient of the rest is zeroed, so that only the decay moves it. As in the authors' code the ordering is global
over all weight matrices and convolutions, biases and normalisation are left alone, and the decay is the optimiser's
L2 (the paper
writes L1: `l1`). Exactly m_c entries are kept: ties are broken by position, where a threshold would keep or drop all
of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.errors import BadInput
from noisewise.methods.checks import within
from noisewise.methods.rate import estimated_noise_rate
from noisewise.training.batch import Batch
from noisewise.training.method import Card, Gradients, Method, Regrad, Sight, Task


def critical_mask(importance: Tensor, keep: int) -> Tensor:
    """A boolean mask, of the shape of `importance`, of its `keep` largest entries."""
    mask = torch.zeros(importance.numel(), dtype=torch.bool, device=importance.device)
    if keep > 0:
        mask[importance.reshape(-1).topk(keep, sorted=False).indices] = True
    return mask.reshape(importance.shape)


class CDR(Method):
    """Gradient station: only critical parameters follow the gradient.

    Args:
        tau: share of non-critical parameters, the noise rate in the paper; None takes the stated noise rate, or
            estimates it from the ledger after every epoch.
        ordering: "global" over all weights (authors' code) or "tensor" by tensor.
        scale: multiply the critical gradient by 1 - tau (equation 5).
        l1: lambda of an L1 decay lambda sign(w) added to the gradient of all weights.

    Raises:
        BadInput: an option outside its range.
    """

    card = Card(
        "cdr",
        "Only the parameters that matter for the clean part, those with a large gradient times weight, follow the "
        "gradient; the others decay. Memorising noise needs the others.",
        "Xia, Liu, Han, Gong, Wang, Ge and Chang, Robust Early-Learning: Hindering the Memorization of Noisy Labels, "
        "ICLR 2021",
        2021,
        "g <- (1 - tau) g where |w g| is among the (1 - tau) m largest, else 0",
        departures="L2 decay by the optimiser as in the authors' code, L1 as an option; the accuracy pass "
        "that moves BatchNorm twice is left out",
    )

    share: Tensor

    def __init__(self, tau: float | None = None, ordering: str = "global", scale: bool = True, l1: float = 0.0) -> None:
        super().__init__()
        within("cdr", "tau", tau, 0, 0.9999)
        within("cdr", "l1", l1, 0, 1)
        if ordering not in ("global", "tensor"):
            raise BadInput(f"cdr: ordering={ordering!r} is not one of global, tensor")
        self.tau, self.ordering, self.scale, self.l1 = tau, ordering, scale, l1

    def prepare(self, task: Task) -> None:
        """Allocate the share of non-critical parameters."""
        stated = self.tau if self.tau is not None else task.noise_rate
        self.estimates = stated is None
        self.register_buffer("share", torch.tensor(float(stated or 0.0), device=task.given.device))

    def gradient(self, gradients: Gradients, params: Gradients, again: Regrad, batch: Batch) -> Gradients:
        weights = [name for name, p in params.items() if p.ndim >= 2]
        share = float(self.share)
        masks = self._masks({n: (gradients[n] * params[n]).abs() for n in weights}, share)
        factor = 1 - share if self.scale else 1.0
        changed = dict(gradients)
        for name in weights:
            changed[name] = gradients[name] * masks[name] * factor
            if self.l1:
                changed[name] = changed[name] + self.l1 * params[name].sign()
        return changed

    def _masks(self, importance: Gradients, share: float) -> Gradients:
        if self.ordering == "tensor":
            return {n: critical_mask(g, round((1 - share) * g.numel())) for n, g in importance.items()}
        flat = torch.cat([g.reshape(-1) for g in importance.values()])
        parts = critical_mask(flat, int((1 - share) * flat.numel())).split([g.numel() for g in importance.values()])
        return {n: part.reshape(g.shape) for (n, g), part in zip(importance.items(), parts, strict=True)}

    def refit(self, sight: Sight) -> None:
        if self.estimates:
            self.share.fill_(estimated_noise_rate(sight.ledger))
