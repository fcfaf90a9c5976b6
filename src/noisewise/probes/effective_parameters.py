"""The share of parameters that a network uses, that is, that are not near zero (Xia et al., ICLR 2021, and others)."""

from __future__ import annotations

from noisewise.bounds import at_least
from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject


class EffectiveParameters(Probe):
    """Share of the parameters that are larger than a threshold, overall and per tensor.

    Args:
        threshold: parameters count if their absolute value is above this.
        examples: not used by this probe.
        every: number of epochs between measurements.
    """

    bounds = {"threshold": at_least(0)}

    card = ProbeCard(
        "effective-parameters",
        "The share of parameters that are not near zero. Parameters that a network does not need decay; methods that "
        "update few parameters leave few of them.",
        {"effective_parameters": "share of the parameters above the threshold in absolute value"},
        "no pass: reads every parameter once",
        "Xia, Liu, Han, Gong, Wang, Ge and Chang, Robust Early-Learning: Hindering the Memorization of Noisy Labels, "
        "ICLR 2021",
        2021,
        departures="the paper counts critical parameters by gradient times weight; later re-examinations count by "
        "size, as here",
    )

    def __init__(self, threshold: float = 1e-3, examples: int = 2, every: int = 1) -> None:
        super().__init__(examples, every)

        self.threshold = threshold

    def measure(self, subject: Subject) -> Measured:
        counts = {
            name: (int((parameter.detach().abs() > self.threshold).sum()), parameter.numel())
            for name, parameter in subject.net.named_parameters()
        }
        large, number = (sum(pair[side] for pair in counts.values()) for side in (0, 1))
        parts = {f"effective_parameters/{name}": big / total for name, (big, total) in counts.items() if total}
        return {"effective_parameters": large / max(number, 1), **parts}
