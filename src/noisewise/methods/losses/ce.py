"""Cross entropy: the baseline every other method is measured against.

    L = -log p_y

A method that changes no station.
"""

from __future__ import annotations

from noisewise.training.method import Method, MethodCard


class CrossEntropy(Method):
    """Plain training with the given labels."""

    card = MethodCard(
        "ce",
        "Train on the given labels as if they were right. The baseline; it learns the clean part first and then "
        "memorises the noise.",
        "-",
        1948,
        "L = -log p_y",
    )
