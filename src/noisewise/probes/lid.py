"""The local intrinsic dimension of features (Ma et al., ICML 2018, equation 4)."""

from __future__ import annotations

import torch

from noisewise.bounds import whole
from noisewise.probes.features import features_of
from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject
from noisewise.theory.dimension import intrinsic_dimension


class LID(Probe):
    """Local intrinsic dimension by the distances to the nearest neighbours; mean and median over rows.

    Args:
        examples: number of training rows to measure; by default the paper's 10 batches of 128.
        every: number of epochs between measurements.
        neighbours: k; by default the paper's 20.
        batch: number of rows among which neighbours are searched; the estimate grows with it.
    """

    bounds = {"neighbours": whole(2), "batch": whole(3)}

    card = ProbeCard(
        "lid",
        "The local intrinsic dimension of the network's penultimate features, or of the inputs if there is no network. "
        "On clean labels it falls during training; while wrong labels are memorised it rises again.",
        {
            "lid": "mean over the rows of the dimension, by maximum likelihood",
            "lid_median": "the median over the rows",
        },
        "1 forward pass, or none; and the distances within batches",
        "Ma, Wang, Houle, Zhou, Erfani, Xia, Wijewickrema and Bailey, Dimensionality-Driven Learning with Noisy "
        "Labels, ICML 2018",
        2018,
        departures="the same rows in every epoch; a last batch with no more rows than neighbours is left out",
        network=False,
    )

    def __init__(self, examples: int = 1280, every: int = 1, neighbours: int = 20, batch: int = 128) -> None:
        super().__init__(examples, every)

        self.neighbours, self.batch = neighbours, batch

    def measure(self, subject: Subject) -> Measured:
        features = features_of(subject).float()
        parts = features.split(self.batch)
        used = [part for part in parts if len(part) > self.neighbours] or [features[: self.batch]]
        found = torch.cat([intrinsic_dimension(part, self.neighbours) for part in used])
        return {"lid": float(found.mean()), "lid_median": float(found.median())}
