"""The losses of the methods, for any PyTorch loop.

    from noisewise.losses import generalized_cross_entropy

    loss = generalized_cross_entropy(net(x), y).mean()

Every function takes logits (..., B, K) and targets, and returns per-sample losses (..., B), never reduced. The dtype of
the targets decides what they are: integers are class indices (B,), floats are distributions (B, K) or (..., B, K).
Shapes that do not fit raise `BadInput`. Axes before B, such as several networks, broadcast. Everything is
differentiable in the logits and finite for large ones.
"""

from __future__ import annotations

from noisewise.methods.losses.bi_tempered import bi_tempered_loss
from noisewise.methods.losses.correntropy import correntropy_loss
from noisewise.methods.losses.ct import photon_label_loss
from noisewise.methods.losses.focal import focal_loss
from noisewise.methods.losses.gce import generalized_cross_entropy
from noisewise.methods.losses.label_smoothing import label_smoothing_loss
from noisewise.methods.losses.mae import mean_absolute_error
from noisewise.methods.losses.nce_rce import nce_rce_loss, normalized_cross_entropy
from noisewise.methods.losses.poly_soft import poly_soft_loss
from noisewise.methods.losses.sce import reverse_cross_entropy, symmetric_cross_entropy
from noisewise.methods.losses.taylor_ce import taylor_cross_entropy
from noisewise.methods.targets.bootstrap import bootstrap_hard_loss, bootstrap_soft_loss
from noisewise.methods.targets.elr import early_learning_penalty, early_predictions
from noisewise.methods.targets.sop import overparametrised_loss
from noisewise.methods.transition.backward import backward_loss, bounded_inverse
from noisewise.methods.transition.matrix import forward_loss
from noisewise.training.batch import cross_entropy

__all__ = [
    "backward_loss",
    "bi_tempered_loss",
    "bootstrap_hard_loss",
    "bootstrap_soft_loss",
    "bounded_inverse",
    "correntropy_loss",
    "cross_entropy",
    "early_learning_penalty",
    "early_predictions",
    "focal_loss",
    "forward_loss",
    "generalized_cross_entropy",
    "label_smoothing_loss",
    "mean_absolute_error",
    "nce_rce_loss",
    "normalized_cross_entropy",
    "overparametrised_loss",
    "photon_label_loss",
    "poly_soft_loss",
    "reverse_cross_entropy",
    "symmetric_cross_entropy",
    "taylor_cross_entropy",
]
