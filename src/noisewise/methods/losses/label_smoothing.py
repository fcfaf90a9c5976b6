"""Label smoothing (Szegedy et al., CVPR 2016), the equation of section 7.

    target = (1 - eps) y + eps / K

The targets sum to one. Under noise it acts like a shrunken loss correction (Lukasik et al., ICML 2020).
"""

from __future__ import annotations

from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch, cross_entropy, distributions
from noisewise.training.method import Method, MethodCard


def smoothed(targets: Tensor, eps: float | Tensor) -> Tensor:
    """Targets (..., B, K) mixed with the share `eps` of the uniform distribution."""
    return (1 - eps) * targets + eps / targets.shape[-1]


def label_smoothing_loss(logits: Tensor, targets: Tensor, eps: float | Tensor = 0.1) -> Tensor:
    """Cross entropy with smoothed targets (Szegedy et al. 2016, section 7).

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        eps: share of the uniform distribution, in [0, 1].

    Returns:
        (..., B) per-sample losses.
    """
    return cross_entropy(logits, smoothed(distributions(logits, targets), eps))


class LabelSmoothing(Method):
    """Target station: the given label mixed with the uniform distribution.

    Args:
        eps: share of the uniform distribution; the paper's 0.1.
    """

    card = MethodCard(
        "label-smoothing",
        "No label is trusted completely: a share of every target is spread over all classes. Overconfident predictions "
        "are penalised, and wrong labels are memorised less.",
        "Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, Rethinking the Inception Architecture for Computer Vision, CVPR "
        "2016",
        2016,
        "target = (1 - eps) y + eps / K",
    )
    bounds = {"eps": between(0, 1)}

    def __init__(self, eps: float = 0.1) -> None:
        super().__init__()
        self.eps = eps

    def target(self, batch: Batch) -> Tensor:
        return smoothed(batch.y, self.eps)
