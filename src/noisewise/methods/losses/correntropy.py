"""Correntropy-induced loss, the C-loss (Singh, Pokharel and Principe, Pattern Recognition 2014), its defining equation.

    L = (1 - exp(-e^2 / (2 sigma^2))) / (1 - exp(-1 / (2 sigma^2))),    e = 1 - p_y

A wide kernel gives the squared error e^2; a narrow one stops minding how wrong a row is. The paper has the margin of a
binary classifier in e; the probability of the given label stands for it here. The scale makes the loss 1 where
p_y = 0. Soft targets average the loss over their classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch
from noisewise.training.method import Card, Method


def correntropy_loss(logits: Tensor, targets: Tensor, sigma: float | Tensor) -> Tensor:
    """(..., B) losses of (..., B, K) logits with target distributions that broadcast to them."""
    width = torch.as_tensor(sigma, dtype=logits.dtype, device=logits.device)
    e = -torch.expm1(torch.log_softmax(logits, dim=-1))
    scale = -1 / (2 * width**2)
    return (targets * torch.expm1(scale * e**2) / torch.expm1(scale)).sum(dim=-1)


class Correntropy(Method):
    """Loss station: a Gaussian bump around a right prediction.

    Args:
        sigma: width of the kernel; at the paper's 0.5 some classes may never start to be learned.
    """

    card = Card(
        "correntropy",
        "A Gaussian kernel around the right answer: errors within its width count squared, beyond it they hardly pull "
        "at all. Rows with wrong labels lie beyond it.",
        "Singh, Pokharel and Principe, The C-loss Function for Pattern Classification, Pattern Recognition 2014",
        2014,
        "L = (1 - exp(-e^2 / (2 sigma^2))) / (1 - exp(-1 / (2 sigma^2))),  e = 1 - p_y",
        departures="1 - p_y of many classes in place of a binary margin; a kernel twice as wide by default, in place "
        "of a start with the squared error",
    )
    bounds = {"sigma": between(0.1, 100)}

    def __init__(self, sigma: float = 1.0) -> None:
        super().__init__()
        self.sigma = sigma

    def loss(self, batch: Batch) -> Tensor:
        return correntropy_loss(batch.scores, batch.y, self.sigma)
