"""Early-learning regularisation (Liu et al., NeurIPS 2020, arXiv 2007.00151), equations 6 and 9.

    t_i <- beta t_i + (1 - beta) p_i
    L = CE + lambda mean_i log(1 - <t_i, p_i>)

t is a memory per row of what the network predicted early, before it memorised labels. The penalty moves the prediction
towards it. The memory used in a step already includes this step's prediction, as in the paper; the penalty computes it
without storing it and thus stays pure, `observe` stores it. Probabilities are clamped to [1e-4, 1 - 1e-4], and
renormalised for the memory.

The paper sets beta and lambda by data set: 0.7 and 3 for CIFAR-10, 0.9 and 7 for CIFAR-100. Where they are not stated
they follow the number of classes. For asymmetric noise the paper has 0.9 and 1, which must be stated: on 4,000 MNIST
rows with LeNet in 60 epochs they reach 82.7 % with asymmetric noise of 0.4 and 61.5 % with pair noise of 0.4, where 0.7
and 3 reach 96.0 and 93.5 % (benchmarks/short_trainings.py).
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.phases import MANY_CLASSES
from noisewise.training.batch import Batch, distributions
from noisewise.training.distributed import RowPart
from noisewise.training.method import LearningTask, Method, MethodCard

_CLAMP = 1e-4

# The paper's beta and lambda for CIFAR-10 and CIFAR-100.
_FEW, _MANY = (0.7, 3.0), (0.9, 7.0)


def early_learning_penalty(logits: Tensor, memory: Tensor) -> Tensor:
    """Early-learning regularisation log(1 - <t, p>) (Liu et al. 2020, equation 6).

    Args:
        logits: (..., B, K).
        memory: (B, K) or (..., B, K) averaged early predictions t of the rows.

    Returns:
        (..., B) per-sample penalties; their mean is added to the mean loss with the weight lambda.

    Raises:
        BadInput: a memory that does not fit the logits.
    """
    return torch.log1p(-(distributions(logits, memory) * clamped_probabilities(logits)).sum(dim=-1))


def early_predictions(memory: Tensor, logits: Tensor, beta: float = 0.7) -> Tensor:
    """The memory moved towards the prediction: beta t + (1 - beta) p (Liu et al. 2020, equation 9).

    Args:
        memory: (..., B, K) averaged early predictions t of the rows; zeros at first.
        logits: (..., B, K); no gradient flows through them.
        beta: inertia of the memory.

    Returns:
        (..., B, K) the new memory of the rows.
    """
    p = clamped_probabilities(logits.detach())
    return beta * memory + (1 - beta) * p / p.sum(dim=-1, keepdim=True)


def clamped_probabilities(logits: Tensor) -> Tensor:
    """Probabilities of (..., B, K) logits, clamped to [1e-4, 1 - 1e-4]."""
    return logits.softmax(dim=-1).clamp(_CLAMP, 1 - _CLAMP)


class EarlyLearning(Method):
    """The memory per row of ELR and ELR+, and its settings by the number of classes.

    Args:
        beta: inertia of the memory; None takes the paper's.
        lam: weight of the penalty; None takes the paper's.
    """

    memory: Tensor

    def __init__(self, beta: float | None, lam: float | None) -> None:
        super().__init__()
        self.stated = beta, lam

    def prepare(self, task: LearningTask) -> None:
        """Allocate the memory, (N, rows, K) zeros, and choose beta and lambda."""
        self.part = RowPart.of(task.rows)
        shape = task.networks, self.part.kept, task.classes
        self.register_buffer("memory", torch.zeros(shape, device=task.given.device))
        self.part.store_whole(self, "memory")
        published = _MANY if task.classes > MANY_CLASSES else _FEW
        self.beta, self.lam = (p if s is None else s for s, p in zip(self.stated, published, strict=True))


class ELR(EarlyLearning):
    """Penalty station with a memory per row.

    Args:
        beta: inertia of the memory (the paper: 0.7 for CIFAR-10, 0.9 for CIFAR-100 and asymmetric noise); None takes
            the paper's by the number of classes.
        lam: weight of the penalty (the paper: 3 for CIFAR-10, 7 for CIFAR-100, 1 for asymmetric noise); None likewise.
    """

    card = MethodCard(
        "elr",
        "Remember for every row what the network predicted early on, and penalise moving away from it. Wrong labels "
        "thus lose their influence before they are memorised.",
        "Liu, Niles-Weed, Razavian and Fernandez-Granda, Early-Learning Regularization Prevents Memorization of Noisy "
        "Labels, NeurIPS 2020",
        2020,
        "L = CE + lambda mean log(1 - <t, p>),  t <- beta t + (1 - beta) p",
        departures="beta and lambda that are not stated are the paper's by the number of classes, those for CIFAR-100 "
        "above 31, whatever the kind of noise; the paper's 0.9 and 1 for asymmetric noise must be stated",
    )
    remembers_rows = True
    bounds = {"beta": between(0, 1) | None, "lam": between(0, 1000) | None}

    def __init__(self, beta: float | None = None, lam: float | None = None) -> None:
        super().__init__(beta, lam)

    def penalty(self, batch: Batch) -> Tensor:
        return self.lam * early_learning_penalty(batch.scores, self._updated(batch)).mean(dim=-1).sum()

    def observe(self, batch: Batch) -> None:
        self.part.write(self.memory, batch.rows, self._updated(batch).to(self.memory.dtype))

    @torch.no_grad()
    def _updated(self, batch: Batch) -> Tensor:
        return early_predictions(self.part.read(self.memory, batch.rows), batch.scores, self.beta)
