"""Correntropy-induced loss, the C-loss (Singh, Pokharel and Principe, Pattern Recognition 2014), its defining equation.

    L = (1 - exp(-e^2 / (2 sigma^2))) / (1 - exp(-1 / (2 sigma^2))),    e = 1 - p_y

A wide kernel gives the squared error e^2; a narrow one ignores how wrong a row is. In the paper, e is computed from the
margin of a binary classifier; here the probability of the given label replaces it. The loss is scaled to 1 where
p_y = 0. Soft targets average the loss over their classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.training.batch import Batch, distributions
from noisewise.training.method import Method, MethodCard


def correntropy_loss(logits: Tensor, targets: Tensor, sigma: float | Tensor = 1.0) -> Tensor:
    """Correntropy-induced loss (Singh et al. 2014), scaled to 1 where p_y = 0.

    Args:
        logits: (..., B, K).
        targets: (B,) class indices or (..., B, K) distributions.
        sigma: width of the kernel, above 0.

    Returns:
        (..., B) per-sample losses.
    """
    width = torch.as_tensor(sigma, dtype=logits.dtype)  # a number stays on the host, where no copy waits for it
    e = -torch.expm1(torch.log_softmax(logits, dim=-1))
    scale = -1 / (2 * width**2)
    return (distributions(logits, targets) * torch.expm1(scale * e**2) / torch.expm1(scale)).sum(dim=-1)


class Correntropy(Method):
    """Loss station: a Gaussian bump around a right prediction.

    Args:
        sigma: width of the kernel; at the paper's 0.5 some classes may never be learned.
    """

    card = MethodCard(
        "correntropy",
        "A Gaussian kernel around the right answer: errors within its width count squared, errors beyond it have "
        "almost no gradient. Rows with wrong labels lie beyond it.",
        "Singh, Pokharel and Principe, The C-loss Function for Pattern Classification, Pattern Recognition 2014",
        2014,
        "L = (1 - exp(-e^2 / (2 sigma^2))) / (1 - exp(-1 / (2 sigma^2))),  e = 1 - p_y",
        departures="1 - p_y of many classes instead of a binary margin; a kernel twice as wide by default, instead of "
        "a first phase with the squared error",
    )
    bounds = {"sigma": between(0.1, 100)}

    def __init__(self, sigma: float = 1.0) -> None:
        super().__init__()
        self.sigma = sigma

    def loss(self, batch: Batch) -> Tensor:
        return correntropy_loss(batch.scores, batch.y, self.sigma)
