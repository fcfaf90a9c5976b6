"""How long a phase of a method lasts where the training is shorter than the published one."""

from __future__ import annotations

import math

# By so many steps a network has learned what it learns before it memorises: at a constant learning rate of 0.05, LeNet
# on 4,000 MNIST rows with half of the labels wrong predicts the test rows best between 110 and 280 steps.
LEARNED = 250

# Settings published for CIFAR-100 are taken for more classes than this, halfway from CIFAR-10 on a logarithmic scale.
MANY_CLASSES = 31


def phase_epochs(published: int, epochs: int, steps: int | None, most: float = 1 / 3) -> int:
    """Epochs of a warm-up or ramp: the published number, and in a small data set enough steps to learn.

    A phase has at least `LEARNED` steps, and at most the share `most` of the training. A training of fewer than
    `LEARNED / most` steps (750 by default) has no room for it: the published method is not meant for it.

    Args:
        published: epochs in the publication.
        epochs: of the training.
        steps: of one epoch; None where it is not known.
        most: largest share of the training.

    Returns:
        At least 1.

    Example:
        `phase_epochs(10, 300, 391)` is 10, `phase_epochs(10, 90, 13)` is 20 and `phase_epochs(10, 20, 29)` is 6.
    """
    return max(1, min(max(published, math.ceil(LEARNED / steps) if steps else 0), int(most * epochs)))
