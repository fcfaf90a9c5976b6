"""How many parameters a network still uses: those that are not near zero (Xia et al., ICLR 2021, and others)."""

from __future__ import annotations

from noisewise.probes.probe import Measured, Probe, ProbeCard, Subject, at_least


class EffectiveParameters(Probe):
    """Share of the parameters that are larger than a threshold, in all and by tensor.

    Args:
        threshold: parameters at most so large, in absolute value, do not count.
        examples: has no part in it.
        every: after how many epochs again.
    """

    card = ProbeCard(
        "effective-parameters",
        "The share of parameters that are not near zero. What a network does not need decays; methods that give "
        "gradients to few parameters leave few of them.",
        {"effective_parameters": "share of the parameters above the threshold in absolute value"},
        "no pass: one look at every parameter",
        "Xia, Liu, Han, Gong, Wang, Ge and Chang, Robust Early-Learning: Hindering the Memorization of Noisy Labels, "
        "ICLR 2021",
        2021,
        departures="the paper counts critical parameters by gradient times weight; counting by size is how later "
        "re-examinations followed them",
    )

    def __init__(self, threshold: float = 1e-3, examples: int = 2, every: int = 1) -> None:
        super().__init__(examples, every)
        at_least("effective-parameters", "threshold", threshold, 0)
        self.threshold = threshold

    def measure(self, subject: Subject) -> Measured:
        counts = {
            name: (int((parameter.detach().abs() > self.threshold).sum()), parameter.numel())
            for name, parameter in subject.net.named_parameters()
        }
        large, all_of_them = (sum(pair[side] for pair in counts.values()) for side in (0, 1))
        parts = {f"effective_parameters/{name}": big / total for name, (big, total) in counts.items() if total}
        return {"effective_parameters": large / max(all_of_them, 1), **parts}
