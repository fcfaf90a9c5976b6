"""The card of `auto`, which its recipe and its methods share."""

from __future__ import annotations

from noisewise.training.method import MethodCard

CARD = MethodCard(
    "auto",
    "Cross-fit short trainings to find out how many labels are wrong, and how probably each is right. Where the labels "
    "are clean, train plainly; otherwise let every label count as far as it is probably right.",
    "Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021 "
    "(cross-fitting); Reed et al., ICLR 2015, and Arazo et al., ICML 2019 (labels softened by predictions); Furlanello "
    "et al., Born-Again Neural Networks, ICML 2018 (training again on them); Smith and Topin, 2018 (one cycle); Zhang "
    "et al., ICLR 2018 (mixup)",
    2021,
    "q = r onehot(y) + k (1 - r) p without y;  L = -sum q log f,  r = P(y is right), p held out",
    forwards=2.3,
    backwards=2.2,
    stations=("edit",),
    departures="not a published method, but a combination of what the papers propose; r is by the audit's "
    "judgement, chosen on data with known noise; the last epoch is kept where labels are softened, unless a rule or "
    "patience is set; trusted rows are not used. The cost stated is that of 24 epochs with "
    "wrong labels; it falls with more epochs, and is smaller where labels are clean; mixup adds a forward pass",
)
