"""Sparse over-parameterisation, SOP (Liu et al., ICML 2022, arXiv 2202.14026), the equations of its section on the
method: the model f + s, its parametrisation, and a loss of its own for each of u and v.

    s_i = u_i^2 y_i - v_i^2 (1 - y_i)                    u_i a number, v_i a vector, both started at N(0, 1e-8)
    network, u:   L = -log q_y,   q = max(p + s, 0) made to sum to one
    v:            L = |onehot(argmax p) + s - y|^2

s takes the part of a label that the network would have to memorise. Squares of something that starts near zero grow
only where the pull stays, which is what keeps s sparse. u and v are moved in `observe`, by plain gradient descent on
the step's own scores, and kept within [-1, 1], the paper's constraint.

u_i and v_i share one memory of K numbers: u_i stands at the given label, where v_i has no effect. The floor of q is
1e-4, as in the authors' code. There u follows both losses (`both`). Growing from 1e-8 takes a number of visits, so
that learning rates are stated for the authors' 300 epochs of batches of 128: in a training of E epochs a row moves by
lr / 128 x 300 / E times its gradient, whatever the size of the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.targets.bootstrap import hard_prediction
from noisewise.training.batch import Batch
from noisewise.training.method import Card, Method, Task

_FLOOR = 1e-4
_START = 1e-8
_BATCH, _EPOCHS = 128, 300


def sparse_noise(memory: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """(..., B, K) parts of s: u^2 at the label, and v^2 elsewhere, which is subtracted; squares are at most 1."""
    squared = memory.square().clamp(max=1)
    return squared * y, squared * (1 - y)


def overparametrised_loss(logits: Tensor, y: Tensor, memory: Tensor) -> Tensor:
    """(..., B) cross entropy of (..., B, K) logits with s added to the probabilities; v is held fixed."""
    more, less = sparse_noise(memory, y)
    q = (logits.softmax(dim=-1) + more - less.detach()).clamp_min(_FLOOR)
    q = q / q.sum(dim=-1, keepdim=True)
    return -(y * q.clamp_min(_FLOOR).log()).sum(dim=-1)


def squared_residual(logits: Tensor, y: Tensor, memory: Tensor, both: bool = False) -> Tensor:
    """(..., B) squared distance of the predicted class plus s from the label; u is held fixed unless `both`."""
    more, less = sparse_noise(memory, y)
    s = (more if both else more.detach()) - less
    return (hard_prediction(logits) + s - y).square().sum(dim=-1)


class SOP(Method):
    """Loss station with a memory per row that is itself trained.

    Args:
        lr_u: learning rate of u, for 300 epochs of batches of 128 (the authors: 10 for CIFAR-10, 1 for CIFAR-100).
        lr_v: learning rate of v, likewise (the authors: 10 to 100).
        both: let u follow the squared residual, too, as the authors' code does.
    """

    card = Card(
        "sop",
        "Give every row a term of its own that explains its label away where the network does not. It starts near "
        "zero and grows by a product, so that it takes up the few wrong labels and leaves the rest to the network.",
        "Liu, Zhu, Qu and You, Robust Training under Label Noise by Over-parameterization, ICML 2022",
        2022,
        "L = -log of p + s at y, made to sum to one,  s = u^2 y - v^2 (1 - y)",
        departures="learning rates are scaled to the length of the training and to batches of 128; u follows the cross "
        "entropy alone, as in the paper, and both losses, as in the authors' code, with `both`",
    )
    remembers_rows = True
    bounds = {"lr_u": between(0, 1e4), "lr_v": between(0, 1e4)}
    memory: Tensor

    def __init__(self, lr_u: float = 10.0, lr_v: float = 100.0, both: bool = False) -> None:
        super().__init__()
        self.lr_u, self.lr_v, self.both = lr_u, lr_v, both

    def prepare(self, task: Task) -> None:
        """Draw u and v, (N, rows, K)."""
        self.pace = _EPOCHS / task.epochs / _BATCH
        drawn = _START * torch.randn(task.networks, task.rows, task.classes)
        self.register_buffer("memory", drawn.to(task.given.device))

    def loss(self, batch: Batch) -> Tensor:
        return overparametrised_loss(batch.scores, batch.y, self.memory[:, batch.rows])

    def observe(self, batch: Batch) -> None:
        with torch.enable_grad():
            memory = self.memory[:, batch.rows].requires_grad_()
            losses = overparametrised_loss(batch.scores, batch.y, memory)
            losses = losses + squared_residual(batch.scores, batch.y, memory, self.both)
            (pull,) = torch.autograd.grad((batch.w * losses).sum(), memory)
        rate = self.pace * (self.lr_u * batch.y + self.lr_v * (1 - batch.y))
        self.memory[:, batch.rows] = (memory.detach() - rate * pull).clamp(-1, 1).to(self.memory.dtype)
