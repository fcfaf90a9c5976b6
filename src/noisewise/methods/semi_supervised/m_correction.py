"""M-correction (Arazo et al., ICML 2019, arXiv 1904.11238), equations 10 to 12: M-DYR-H, or M-DYR-S by an option.

    y <- (1 - w) y + w z                           w: posterior of being noisy, z: the network's prediction
    x = l x_p + (1 - l) x_q,  y likewise,          l ~ Beta(alpha, alpha), one per batch
    L = CE + reg sum_k (1 / K) log((1 / K) / mean p_k)

After every epoch a mixture of two beta distributions is fitted to the losses of all rows; w of a row is computed from
its current loss. Cross entropy is linear in the target, so that mixing the corrected targets equals the four weighted
losses of the paper. The first 105 of the paper's 300 epochs are plain mixup.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from noisewise.bounds import between, one_of
from noisewise.devices import sent
from noisewise.methods.inputs.mixup import draw_share, mix
from noisewise.methods.mixtures import loss_model, noisy_probability
from noisewise.methods.phases import phase_epochs
from noisewise.training.batch import Batch, cross_entropy
from noisewise.training.method import EpochEnd, LearningTask, Method, MethodCard
from noisewise.training.networks import Networks, eval_forward

_LEAST = 1e-4
_WARMUP = 105 / 300  # the paper's share of the training


def corrected(y: Tensor, noisy: Tensor, p: Tensor, *, soft: bool = False) -> Tensor:
    """Correct labels towards the prediction: (1 - w) y + w z.

    Args:
        y: (B, K) labels.
        noisy: (B,) probabilities w to be noisy.
        p: (B, K) predictions.
        soft: z is the prediction p; otherwise its most probable class, one-hot.
    """
    w = noisy.clamp(_LEAST, 1 - _LEAST)[:, None]
    z = p if soft else functional.one_hot(p.argmax(dim=-1), p.shape[-1]).to(p.dtype)
    return (1 - w) * y + w * z


def class_prior_penalty(logits: Tensor) -> Tensor:
    """KL(uniform || mean prediction) of (N, B, K) logits, summed over networks; finite for every logit."""
    rows, classes = logits.shape[-2:]
    log_mean = functional.log_softmax(logits, dim=-1).logsumexp(dim=-2) - math.log(rows)
    return -(math.log(classes) + log_mean.mean(dim=-1)).sum()


class MCorrection(Method):
    """Edit and penalty stations: corrects labels by the losses, and mixes rows.

    Args:
        kind: "hard" corrects towards the predicted class (M-DYR-H), "soft" towards the prediction (M-DYR-S).
        alpha: parameter of the Beta distribution of mixup.
        reg: weight of the penalty against predicting few classes.
        warmup: share of the training with plain mixup; None takes the paper's 105 of 300 epochs, in a short training
            250 steps or half of the training.
    """

    card = MethodCard(
        "m-correction",
        "A mixture of two beta distributions gives the probability that a row is wrong, from its loss. This share of "
        "its label is replaced by the network's prediction, and rows are mixed.",
        "Arazo, Ortego, Albert, O'Connor and McGuinness, Unsupervised Label Noise Modeling and Loss Correction, "
        "ICML 2019",
        2019,
        "y <- (1 - w) y + w z on mixed rows;  L = CE + reg KL(uniform || mean p)",
        forwards=2.65,
        departures="predictions and the losses for w are computed in evaluation mode; the warm-up is the paper's "
        "share of the training, in a short training 250 steps or half of it; dynamic mixup (MD-DYR-SH, for 90 % "
        "noise) is left out",
    )
    bounds = {
        "kind": one_of("hard", "soft"),
        "alpha": between(1e-3, 1000),
        "reg": between(0, 1000),
        "warmup": between(0, 1) | None,
    }
    mixes_rows = True
    predicts_rows = True
    model: Tensor
    clean: Tensor
    losses: Tensor

    def __init__(
        self,
        kind: Literal["hard", "soft"] = "hard",
        alpha: float = 32.0,
        reg: float = 1.0,
        warmup: float | None = None,
    ) -> None:
        super().__init__()
        self.kind, self.alpha, self.reg, self.warmup = kind, alpha, reg, warmup

    def prepare(self, task: LearningTask) -> None:
        """Allocate the fitted mixture (7,), the losses and the probability to be clean of every row (rows,)."""
        device = task.given.device
        published = round(_WARMUP * task.epochs)
        self.first = (
            phase_epochs(published, task.epochs, task.steps, most=1 / 2)
            if self.warmup is None
            else self.warmup * task.epochs
        )
        start = torch.tensor([0.0, 1.0, -1.0, _LEAST, 1 - _LEAST, 0.0, 1.0], device=device)
        self.register_buffer("model", start)
        self.register_buffer("losses", torch.zeros(task.rows, device=device))
        self.register_buffer("clean", torch.ones(task.rows, device=device))

    def corrects(self, batch: Batch) -> bool:
        """Whether the warm-up is over."""
        return batch.clock.epoch >= self.first

    def edit(self, batch: Batch, nets: Networks, rng: torch.Generator) -> Batch:
        y = self._corrected(batch, nets) if self.corrects(batch) else batch.y
        share = draw_share(self.alpha, rng)
        partner = sent(torch.randperm(len(batch), generator=rng), batch.x.device)
        x, y, w = (mix(values, partner, share) for values in (batch.x, y, batch.w))
        return replace(batch, x=x, y=y, w=w, index=None)

    def _corrected(self, batch: Batch, nets: Networks) -> Tensor:
        logits = eval_forward(nets, batch.x)
        noisy = noisy_probability(cross_entropy(logits, batch.y).mean(dim=0), self.model)
        return corrected(batch.y, noisy, logits.softmax(dim=-1).mean(dim=0), soft=self.kind == "soft")

    def penalty(self, batch: Batch) -> Tensor | float:
        return self.reg * class_prior_penalty(batch.scores) if self.reg and self.corrects(batch) else 0.0

    def refit(self, epoch_end: EpochEnd) -> None:
        seen = []
        for batch in epoch_end.passes():
            self.losses[batch.rows] = cross_entropy(batch.scores, batch.y).mean(dim=0)
            seen.append(batch.rows)
        rows = torch.cat(seen)
        self.model.copy_(loss_model(self.losses[rows].cpu().numpy()))
        self.clean[rows] = 1 - noisy_probability(self.losses[rows], self.model)

    def selection(self) -> Tensor:
        return self.clean
