"""Long tail: class sizes that fall exponentially from the first class to the last.

    n_k = floor(n_max ratio^(-k / (K - 1))),   k = 0..K-1

Cui, Jia, Lin, Song and Belongie, Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019; Cao, Wei, Gaidon,
Arechiga and Ma, Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss, NeurIPS 2019. `ratio` is the
size of the largest class over that of the smallest. Test, validation and trusted splits do not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from noisewise.data.dataset import Dataset
from noisewise.noise.balance.class_sizes import keep_shares
from noisewise.noise.checks import RATIO, Checked
from noisewise.noise.corruption import CorruptionCard


def longtail_shares(ratio: float, k: int) -> np.ndarray:
    """(K,) class sizes relative to the first, for k >= 2 classes: ratio^(-i / (k - 1))."""
    return float(ratio) ** (-np.arange(k) / (k - 1))


@dataclass(frozen=True)
class LongTail(Checked):
    """Rows are dropped until class sizes fall exponentially.

    Args:
        ratio: size of the first class over that of the last, from 1.
    """

    ratio: float

    card: ClassVar[CorruptionCard] = CorruptionCard(
        name="longtail",
        does="rows are dropped until class sizes fall exponentially, the first ratio times as large as the last",
        paper="Cui, Jia, Lin, Song and Belongie, CVPR 2019",
        example="longtail:100",
        changes="rows",
    )
    bounds = {"ratio": RATIO}

    def apply(self, data: Dataset, rng: np.random.Generator) -> Dataset:
        """Return the data set with a long tail of classes.

        Raises:
            BadInput: a class would be left without rows.
        """
        return keep_shares(data, longtail_shares(self.ratio, len(data.classes)), rng, f"longtail:{self.ratio:g}")
