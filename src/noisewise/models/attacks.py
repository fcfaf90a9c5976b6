"""Attacks: small changes of inputs that make networks err.

    x <- Proj(x + step d(grad_x L(w, x, y))),   |x - x_0| <= eps

The direction d is the sign of the gradient for the maximum norm, and the gradient divided by its length for the
Euclidean norm (Madry, Makelov, Schmidt, Tsipras and Vladu, Towards Deep Learning Models Resistant to Adversarial
Attacks, ICLR 2018, section 2.1). One step from the input itself in the maximum norm is the fast gradient sign method
(Goodfellow, Shlens and Szegedy, Explaining and Harnessing Adversarial Examples, ICLR 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

NORMS = ("inf", "l2")
STARTS = ("random", "input")
TARGETS = ("away", "next", "random")
LOSSES = ("ce", "margin")
PACE = 2.5  # length of all steps together, in units of eps
KAPPA = 50.0
_TINY = 1e-12


@dataclass(frozen=True)
class Ascent:
    """Projected gradient ascent on a loss of inputs, within a ball around each of them.

    Attributes:
        eps: radius of the ball.
        steps: number of steps.
        step_size: length of a step; None takes 2.5 eps / steps.
        norm: "inf", the largest change of a number, or "l2", the Euclidean length of all changes of a row.
    """

    eps: float
    steps: int
    step_size: float | None = None
    norm: str = "inf"

    @property
    def pace(self) -> float:
        """The length of a step."""
        return PACE * self.eps / max(self.steps, 1) if self.step_size is None else self.step_size

    def climb(
        self,
        slope: Callable[[Tensor], Tensor],
        x: Tensor,
        start: Tensor,
        unit: Tensor | float = 1.0,
        box: tuple[Tensor | float, Tensor | float] | None = None,
    ) -> Tensor:
        """Move inputs uphill.

        Args:
            slope: gives the gradient of each row's loss at moved inputs (B, ...).
            x: (B, ...) the centres.
            start: (B, ...) where to start; it is projected first.
            unit: what a change of 1 is in units of `x`, per channel or column; 0 where nothing may change.
            box: the smallest and largest legal input; None for no limits.

        Returns:
            (B, ...) inputs within `eps` of `x`.
        """
        moved = self.project(start, x, unit, box)
        for _ in range(self.steps):
            ahead = moved + self.pace * unit * self._direction(slope(moved), unit)
            moved = self.project(ahead, x, unit, box)
        return moved.detach()

    def project(
        self, moved: Tensor, x: Tensor, unit: Tensor | float, box: tuple[Tensor | float, Tensor | float] | None
    ) -> Tensor:
        """The nearest inputs in the ball around `x`, then within the box; see `climb`."""
        if self.norm == "inf":
            near = torch.maximum(torch.minimum(moved, x + self.eps * unit), x - self.eps * unit)
        else:
            near = x + (moved - x) * (self.eps / self.length(moved - x, unit)).clamp(max=1)
        if box is None:
            return near
        low, high = (torch.as_tensor(end).to(x) for end in box)
        return torch.maximum(torch.minimum(near, high), low)

    def random(self, x: Tensor, draws: torch.Generator | None = None, unit: Tensor | float = 1.0) -> Tensor:
        """(B, ...) a random change in units of `x`, uniform in the cube or in the Euclidean ball; see `climb`."""
        if self.norm == "inf":
            return self.eps * unit * (torch.rand(x.shape, generator=draws, device=x.device) * 2 - 1)
        ray = torch.randn(x.shape, generator=draws, device=x.device)
        share = torch.rand(_per_row(x), generator=draws, device=x.device) ** (1 / max(x[0].numel(), 1))
        return self.eps * unit * share * ray / self.length(ray, 1.0)

    @staticmethod
    def length(change: Tensor, unit: Tensor | float) -> Tensor:
        """(B, 1, ...) the Euclidean lengths of changes (B, ...) in units of a change of 1."""
        unit = torch.as_tensor(unit).to(change)
        raw = torch.where(unit > 0, change / unit.clamp(min=_TINY), torch.zeros_like(change))
        return raw.flatten(1).norm(dim=1).clamp(min=_TINY).reshape(_per_row(change))

    def _direction(self, slope: Tensor, unit: Tensor | float) -> Tensor:
        if self.norm == "inf":
            return slope.sign()
        # Normalised first: the squares of a saturated network's gradients would be lost in single precision.
        raw = slope * unit
        largest = raw.flatten(1).abs().amax(dim=1).reshape(_per_row(raw))
        raw = raw / torch.where(largest > 0, largest, torch.ones_like(largest))
        return raw / self.length(raw, 1.0)


def aimed(labels: Tensor, classes: int, target: str, draws: torch.Generator | None = None) -> Tensor:
    """(B,) the classes that a targeted attack wants: the next one, or one of the others at random.

    Args:
        labels: (B,) given classes.
        classes: K.
        target: "next" or "random"; "away" returns the labels.
        draws: for the random ones.
    """
    if target == "away":
        return labels
    shift = torch.ones_like(labels)
    if target == "random":
        device = labels.device
        shift = torch.randint(1, max(classes, 2), labels.shape, generator=draws, device=device)
    return (labels + shift) % classes


def loss_of(logits: Tensor, wanted: Tensor, loss: str = "ce") -> Tensor:
    """The loss that an attack raises, summed over rows: cross entropy, or the margin of Carlini and Wagner.

    The margin is the largest logit of another class minus that of the class, at most 50 (Carlini and Wagner, Towards
    Evaluating the Robustness of Neural Networks, S&P 2017, as Madry et al. use it).

    Args:
        logits: (..., B, K).
        wanted: (B, K) targets.
        loss: "ce" or "margin".
    """
    if loss == "ce":
        return -(wanted * log_softmax(logits, dim=-1)).sum()
    own = (wanted * logits).sum(dim=-1)
    other = (logits.masked_fill(wanted >= wanted.amax(dim=-1, keepdim=True), -torch.inf)).amax(dim=-1)
    return (other - own).clamp(max=KAPPA).sum()


def _per_row(x: Tensor) -> tuple[int, ...]:
    return (len(x), *[1] * (x.dim() - 1))
