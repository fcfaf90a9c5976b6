"""Early-learning regularisation (Liu et al., NeurIPS 2020, arXiv 2007.00151), equations 6 and 9.

    t_i <- beta t_i + (1 - beta) p_i
    L = CE + lambda mean_i log(1 - <t_i, p_i>)

t is a memory per row of what the network predicted early, before it memorised labels. The penalty moves the prediction
towards it. The memory used in a step already includes this step's prediction, as in the paper; the penalty computes it
without storing it and thus stays pure, `observe` stores it. Probabilities are clamped to [1e-4, 1 - 1e-4], and
renormalised for the memory.

The paper sets beta and lambda by data set and kind of noise: 0.7 and 3 for CIFAR-10, 0.9 and 1 for its asymmetric
noise, 0.9 and 7 for CIFAR-100. Where they are not stated they follow the number of classes and, once the network has
learned, the kind of noise that the memory shows (`is_asymmetric`); until then they are those for asymmetric noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from noisewise.bounds import between
from noisewise.methods.phases import MANY_CLASSES, phase_epochs
from noisewise.training.batch import Batch, distributions
from noisewise.training.method import EpochEnd, LearningTask, Method, MethodCard

_CLAMP = 1e-4

# The paper's beta and lambda, by what the memory has shown; those for asymmetric noise also before it shows anything.
_SYMMETRIC, _ASYMMETRIC, _MANY = (0.7, 3.0), (0.9, 1.0), (0.9, 7.0)
_LEARNED_BY = 10  # epochs after which the memory is looked at, in a short training 250 steps or a third of the epochs


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


def early_predictions(memory: Tensor, logits: Tensor, beta: float | Tensor = 0.7) -> Tensor:
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


def is_asymmetric(memory: Tensor, given: Tensor) -> bool:
    """Whether labels differ from predictions as under asymmetric noise: in most cases by one other class.

    Of the rows predicted as a class whose label differs, the share with the most frequent label is averaged over
    classes, weighted by their number. It is 1 where every class is confused with one other alone, and near 1 / (K - 1)
    where all are equally frequent. The limit is halfway.

    Args:
        memory: (rows, K) predictions of the rows.
        given: (rows,) given labels.
    """
    classes = memory.shape[-1]
    counts = torch.bincount(memory.argmax(dim=-1) * classes + given, minlength=classes**2).reshape(classes, classes)
    counts.fill_diagonal_(0)
    differ = int(counts.sum())
    return differ > 0 and int(counts.max(dim=1).values.sum()) / differ > (1 + 1 / (classes - 1)) / 2


class EarlyLearning(Method):
    """The memory per row of ELR and ELR+, and its settings by the kind of noise.

    Args:
        beta: inertia of the memory; None takes the paper's.
        lam: weight of the penalty; None takes the paper's.
    """

    memory: Tensor
    seen: Tensor

    def __init__(self, beta: float | None, lam: float | None) -> None:
        super().__init__()
        self.beta, self.lam = beta, lam

    def prepare(self, task: LearningTask) -> None:
        """Allocate the memory, (N, rows, K) zeros, and beta and lambda for what it has shown so far, (2,)."""
        device = task.given.device
        self.given = task.given
        self.register_buffer("memory", torch.zeros(task.networks, task.rows, task.classes, device=device))
        start = _MANY if task.classes > MANY_CLASSES else _ASYMMETRIC
        self.register_buffer("seen", torch.tensor(start, device=device))
        self.learned_by = phase_epochs(_LEARNED_BY, task.epochs, task.steps)

    @property
    def settings(self) -> tuple[float | Tensor, float | Tensor]:
        """Beta and lambda at present."""
        return self.seen[0] if self.beta is None else self.beta, self.seen[1] if self.lam is None else self.lam

    def refit(self, epoch_end: EpochEnd) -> None:
        """Look at the kind of noise when the network has learned; what looked symmetric may still turn asymmetric."""
        symmetric = self.seen.new_tensor(_SYMMETRIC)
        few, done = self.memory.shape[-1] <= MANY_CLASSES, epoch_end.epoch + 1
        if few and (done == self.learned_by or (done > self.learned_by and torch.equal(self.seen, symmetric))):
            memory = self.memory.mean(dim=0)
            rows = (self.given >= 0) & (memory.sum(dim=-1) > 0)
            asymmetric = is_asymmetric(memory[rows], self.given[rows])
            self.seen.copy_(self.seen.new_tensor(_ASYMMETRIC) if asymmetric else symmetric)


class ELR(EarlyLearning):
    """Penalty station with a memory per row.

    Args:
        beta: inertia of the memory (the paper: 0.7 for CIFAR-10, 0.9 for CIFAR-100 and asymmetric noise); None takes
            the paper's by the number of classes and the kind of noise.
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
        departures="beta and lambda that are not stated are the paper's: those for CIFAR-100 where there are more than "
        "31 classes, else those for the kind of noise. The paper knows the kind; here it is judged from the "
        "memory at the end of every epoch from the tenth on, in a short training after 250 steps or a third of the "
        "epochs. Until then, and once it has looked asymmetric, settings are those for asymmetric noise",
    )
    remembers_rows = True
    bounds = {"beta": between(0, 1) | None, "lam": between(0, 1000) | None}

    def __init__(self, beta: float | None = None, lam: float | None = None) -> None:
        super().__init__(beta, lam)

    def penalty(self, batch: Batch) -> Tensor:
        return self.settings[1] * early_learning_penalty(batch.scores, self._updated(batch)).mean(dim=-1).sum()

    def observe(self, batch: Batch) -> None:
        self.memory[:, batch.rows] = self._updated(batch).to(self.memory.dtype)

    @torch.no_grad()
    def _updated(self, batch: Batch) -> Tensor:
        return early_predictions(self.memory[:, batch.rows], batch.scores, self.settings[0])
