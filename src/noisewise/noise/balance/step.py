"""Step imbalance: large classes of one size, small classes of another.

    n_k = n_max for the first classes,   floor(n_max / ratio) for the others

Buda, Maki and Mazurowski, A Systematic Study of the Class Imbalance Problem in Convolutional Neural Networks, Neural
Networks, 2018; with half of the classes small, Cao, Wei, Gaidon, Arechiga and Ma, NeurIPS 2019. Test, validation and
trusted splits do not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise.balance.class_sizes import ROUNDING, keep_shares
from noisewise.noise.checks import RATIO, SHARE, Checked
from noisewise.noise.corruption import CorruptionCard


@dataclass(frozen=True)
class Step(Checked):
    """Rows of the last classes are dropped until they are `ratio` times smaller than the first ones.

    Args:
        ratio: size of a large class over that of a small one, from 1.
        small: share of the classes that are small, in (0, 1), rounded up; these are the last classes.
    """

    ratio: float
    small: float = 0.5

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="step",
        does="rows of the last half of the classes are dropped until they are ratio times smaller than the others",
        paper="Buda, Maki and Mazurowski, Neural Networks, 2018",
        example="step:10",
        changes="rows",
    )
    bounds = {"ratio": RATIO, "small": SHARE}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with two sizes of classes.

        Raises:
            BadInput: all or none of the classes would be small, or a class would be left without rows.
        """
        k = len(data.classes)
        large = int(np.floor(k * (1 - self.small) + ROUNDING))
        if not 0 < large < k:
            raise BadInput(
                f"small={self.small:g} of 'step' makes {k - large} of {k} classes small: leave 1 or more of each"
            )
        shares = np.where(np.arange(k) < large, 1.0, 1 / float(self.ratio))
        return keep_shares(data, shares, rng, f"step:{self.ratio:g}")
