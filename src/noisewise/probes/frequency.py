"""Low and high frequencies of labels and predictions, by smoothing over the inputs (Xu et al., 2019, section 4)."""

from __future__ import annotations

import math

import numpy as np
import torch

from noisewise.bounds import between
from noisewise.probes.features import BLOCK
from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject
from noisewise.theory.spectrum import high_share, part_errors, smoother

WIDTH = between(1e-6, 1e6)


class Frequency(Probe):
    """The energy of labels and predictions in a part that changes slowly over the inputs, and in the rest.

    Args:
        examples: n; the cost grows with its square.
        every: number of epochs between measurements.
        width: variance of the Gaussian filter, relative to the mean squared distance of two inputs.

    Raises:
        BadInput: the width is not above 0.
    """

    bounds = {"width": WIDTH}

    card = ProbeCard(
        "frequency",
        "How much of the given labels, and of the network's prediction, varies slowly over the inputs and how much "
        "fast, and how far the network is from the labels in each part. Wrong labels are mostly fast; networks fit "
        "the slow part first.",
        {
            "label_low": "share of the energy of the centred one-hot labels that smoothing keeps",
            "label_high": "share of it that smoothing removes",
            "prediction_low": "share of the energy of the centred predicted probabilities that smoothing keeps",
            "prediction_high": "share of it that smoothing removes",
            "error_low": "error of the probabilities in the slow part of the labels, relative to that part's size",
            "error_high": "error in the rest, relative to the rest's size",
            "error_all": "error overall, relative to the labels' size",
        },
        "1 forward pass, or none; and the distances of all pairs of examples",
        "Xu, Zhang, Luo, Xiao and Ma, Frequency Principle: Fourier Analysis Sheds Light on Deep Neural Networks, "
        "arXiv 1901.06523",
        2019,
        departures="labels and probabilities are centred, so that the share of a class does not count as a low "
        "frequency; the two shares do not add up to one, since smoothing is not a projection",
        network=False,
    )

    def __init__(self, examples: int = 500, every: int = 1, width: float = 0.1) -> None:
        super().__init__(examples, every)

        self.width = width

    def measure(self, subject: Subject) -> Measured:
        smooth = smoother(subject.x.flatten(1).double().cpu().numpy(), self.width)
        labels = _centre(np.eye(subject.classes)[subject.given.cpu().numpy()])
        found = dict.fromkeys(self.card.columns, math.nan)
        found["label_low"], found["label_high"] = _shares(smooth, labels)
        if subject.network is None:
            return found
        with torch.no_grad():
            logits = torch.cat([subject.network(part) for part in subject.x.split(BLOCK)])
        predicted = _centre(logits.double().softmax(dim=1).cpu().numpy())
        found["prediction_low"], found["prediction_high"] = _shares(smooth, predicted)
        if np.any(labels):
            errors = part_errors(smooth, predicted, labels)
            found |= dict(zip(("error_low", "error_high", "error_all"), errors, strict=True))
        return found


def _centre(values: np.ndarray) -> np.ndarray:
    """Values (n, K) minus their means; exactly zero where all are the same."""
    return np.where(np.ptp(values, axis=0) == 0, 0.0, values - values.mean(axis=0))


def _shares(smooth: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """The shares of the energy of centred values (n, K) that smoothing keeps and removes."""
    energy = float((values**2).sum())
    if not energy > 0:
        return math.nan, math.nan
    return float(((smooth @ values) ** 2).sum()) / energy, high_share(smooth, values)
