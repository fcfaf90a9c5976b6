"""Sparse over-parameterisation, SOP (Liu et al., ICML 2022, arXiv 2202.14026), the equations of its section on the
method: the model f + s, its parametrisation, and separate losses for u and v.

    s_i = u_i^2 y_i - v_i^2 (1 - y_i)                    u_i a number, v_i a vector, both started at N(0, 1e-8)
    network, u:   L = -log q_y,   q = max(p + s, 0) made to sum to one
    v:            L = |onehot(argmax p) + s - y|^2

s absorbs the part of a label that the network would otherwise memorise. Squares of a number that starts near zero grow
only where the gradient persists, which keeps s sparse. `observe` updates u and v by gradient descent on the logits of
the step and keeps them within [-1, 1], the paper's constraint.

u_i and v_i share one memory of K numbers: u_i is stored at the given label, where v_i has no effect. The floor of q is
1e-4, as in the authors' code, where u follows both losses (`both`). Learning rates are stated for the authors' batches
of 128: a row moves by lr / 128 times its gradient, for any batch size. They do not depend on the length of the
training: u and v grow exponentially with the visits of a row, and a network does not learn any faster in a short
training. In a training shorter than the authors' 300 epochs v grows too little at their rate for symmetric noise, 10.
The default is their rate for asymmetric noise, 100: on 4,000 MNIST rows with half of the labels wrong, LeNet ends 20
epochs at 90.1 % with 100 and at 86.1 % with 10, and 60 epochs at 89.9 % and 71.8 % (lr 0.05, one seed).
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.targets.bootstrap import hard_prediction
from noisewise.training.batch import Batch, distributions
from noisewise.training.method import LearningTask, Method, MethodCard

_FLOOR = 1e-4
_START = 1e-8
_BATCH = 128


def sparse_noise(memory: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The parts of s, each (..., B, K): u^2 at the label, which is added, and v^2 elsewhere, which is subtracted.

    Both are at most 1.
    """
    squared = memory.square().clamp(max=1)
    return squared * y, squared * (1 - y)


def overparametrised_loss(logits: Tensor, targets: Tensor, memory: Tensor) -> Tensor:
    """Cross entropy with s added to the probabilities (Liu et al. 2022); v is treated as a constant.

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        memory: (..., B, K) u at the label and v elsewhere.

    Returns:
        (..., B) per-sample losses.
    """
    y = distributions(logits, targets)
    more, less = sparse_noise(memory, y)
    q = (logits.softmax(dim=-1) + more - less.detach()).clamp_min(_FLOOR)
    q = q / q.sum(dim=-1, keepdim=True)
    return -(y * q.clamp_min(_FLOOR).log()).sum(dim=-1)


def squared_residual(logits: Tensor, y: Tensor, memory: Tensor, both: bool = False) -> Tensor:
    """Squared distance of the predicted class plus s from the label.

    Args:
        logits: (..., B, K).
        y: (..., B, K) labels as distributions.
        memory: (..., B, K) u at the label and v elsewhere.
        both: whether the gradient flows to u, too.

    Returns:
        (..., B).
    """
    more, less = sparse_noise(memory, y)
    s = (more if both else more.detach()) - less
    return (hard_prediction(logits) + s - y).square().sum(dim=-1)


class SOP(Method):
    """Loss station with a trained memory per row.

    Args:
        lr_u: learning rate of u, for batches of 128 (the authors: 10 for CIFAR-10, 1 for CIFAR-100).
        lr_v: learning rate of v, likewise (the authors: 10, for asymmetric noise 100, in 300 epochs).
        both: update u by the squared residual, too, as the authors' code does.
    """

    card = MethodCard(
        "sop",
        "Give every row its own term that accounts for its label where the network does not. It starts near zero and "
        "grows multiplicatively, so that it absorbs the few wrong labels and leaves the rest to the network.",
        "Liu, Zhu, Qu and You, Robust Training under Label Noise by Over-parameterization, ICML 2022",
        2022,
        "L = -log of p + s at y, normalised to sum to one,  s = u^2 y - v^2 (1 - y)",
        departures="a row moves by the same amount in batches of any size; u follows the cross entropy alone, as in "
        "the paper, and both losses, as in the authors' code, with `both`. The paper gives learning rates by data "
        "set and kind of noise; the default of v is that for asymmetric noise, which short trainings need",
    )
    remembers_rows = True
    bounds = {"lr_u": between(0, 1e4), "lr_v": between(0, 1e4)}
    memory: Tensor

    def __init__(self, lr_u: float = 10.0, lr_v: float = 100.0, both: bool = False) -> None:
        super().__init__()
        self.lr_u, self.lr_v, self.both = lr_u, lr_v, both

    def prepare(self, task: LearningTask) -> None:
        """Draw u and v, (N, rows, K)."""
        drawn = _START * torch.randn(task.networks, task.rows, task.classes)
        self.register_buffer("memory", drawn.to(task.given.device))

    def loss(self, batch: Batch) -> Tensor:
        return overparametrised_loss(batch.scores, batch.y, self.memory[:, batch.rows])

    def observe(self, batch: Batch) -> None:
        with torch.enable_grad():
            memory = self.memory[:, batch.rows].requires_grad_()
            losses = overparametrised_loss(batch.scores, batch.y, memory)
            losses = losses + squared_residual(batch.scores, batch.y, memory, self.both)
            (gradient,) = torch.autograd.grad((batch.w * losses).sum(), memory)
        rate = (self.lr_u * batch.y + self.lr_v * (1 - batch.y)) / _BATCH
        self.memory[:, batch.rows] = (memory.detach() - rate * gradient).clamp(-1, 1).to(self.memory.dtype)
