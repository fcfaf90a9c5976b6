"""Methods that change the inputs."""

from noisewise.methods.inputs.mixup import Mixup
from noisewise.methods.inputs.pgd_training import PGDTraining

from ..case import Case

CASES = {
    "mixup": Case("mixup", lambda peer: Mixup(), 0.90, neutral=lambda peer: Mixup(1e-3), draws=True),
    "pgd-training": Case(
        "pgd-training:eps=0.05,steps=2",
        lambda peer: PGDTraining(0.05, steps=2),
        0.90,
        neutral=lambda peer: PGDTraining(0.0),
        draws=True,
    ),
}
