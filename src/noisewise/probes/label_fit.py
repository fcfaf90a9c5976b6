"""How well the network fits right and wrong labels (Arpit et al., ICML 2017, figures 6 and 7)."""

from __future__ import annotations

import torch

from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject


class LabelFit(Probe):
    """Shares of rows predicted as given or as their true class, separately for rightly and wrongly labelled rows.

    Args:
        examples: number of training rows to measure.
        every: number of epochs between measurements.
    """

    card = ProbeCard(
        "label-fit",
        "How many of the rightly and of the wrongly labelled rows the network predicts as given, and how many of the "
        "wrongly labelled ones as their true class: fitting, memorising and correcting.",
        {
            "clean_given": "share of the rightly labelled rows that are predicted as labelled",
            "noisy_given": "share of the wrongly labelled rows that are predicted as labelled: memorised",
            "noisy_true": "share of the wrongly labelled rows that are predicted as their true class",
        },
        "one forward pass per example measured",
        "Arpit, Jastrzebski, Ballas, Krueger, Bengio, Kanwal, Maharaj, Fischer, Courville, Bengio and Lacoste-Julien, "
        "A Closer Look at Memorization in Deep Networks, ICML 2017",
        2017,
        truth=True,
    )

    def __init__(self, examples: int = 2000, every: int = 1) -> None:
        super().__init__(examples, every)

    def measure(self, subject: Subject) -> Measured:
        assert subject.truth is not None
        with torch.no_grad():
            predicted = torch.cat([subject.net(part).argmax(dim=1) for part in subject.x.split(512)])
        known = subject.truth >= 0
        clean, noisy = known & (subject.given == subject.truth), known & (subject.given != subject.truth)
        as_given = predicted == subject.given
        return {
            "clean_given": _share(as_given[clean]),
            "noisy_given": _share(as_given[noisy]),
            "noisy_true": _share((predicted == subject.truth)[noisy]),
        }


def _share(values: torch.Tensor) -> float:
    return float(values.float().mean()) if len(values) else float("nan")
