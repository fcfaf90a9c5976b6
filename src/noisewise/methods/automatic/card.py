"""The card of `auto`, which its recipe and its methods share."""

from __future__ import annotations

from noisewise.training.method import MethodCard

CARD = MethodCard(
    "auto",
    "Cross-fit short trainings to find out how many labels are wrong, and how probably each is right. Where the labels "
    "are clean, train plainly; otherwise let every label count as far as it is probably right.",
    "This library. Cross-fitting: Northcutt, Jiang and Chuang, Confident Learning, JAIR 2021. Soft labels by a "
    "network's own predictions: Reed et al., ICLR 2015 workshop; Arazo et al., ICML 2019. Training again on them: "
    "Furlanello et al., Born-Again Neural Networks, ICML 2018. One cycle: Smith and Topin, 2018. mixup: Zhang et al., "
    "ICLR 2018",
    2026,
    "q = r onehot(y) + k (1 - r) p without y;  L = -sum q log f,  r = P(y is right), p held out",
    forwards=2.6,
    backwards=2.2,
    stations=("edit",),
    departures="not a published method: a combination of the parts named under paper. The cost stated is that of 20 "
    "epochs with wrong labels; trusted rows are not used",
)
