"""Methods that change what is predicted, or remember it."""

import copy

from noisewise.methods.targets.bootstrap import BootstrapHard, BootstrapSoft
from noisewise.methods.targets.d2l import D2L
from noisewise.methods.targets.elr import ELR
from noisewise.methods.targets.elr_plus import ELRPlus
from noisewise.methods.targets.sop import SOP
from noisewise.methods.targets.sop_plus import SOPPlus
from noisewise.training.method import LearningTask
from noisewise.training.networks import Networks

from ..case import Case


class Turned(D2L):
    """D2L after its turn."""

    def prepare(self, task: LearningTask) -> None:
        super().prepare(task)
        self.alpha.fill_(0.4)


def elr_plus(peer: Networks, **options: float) -> ELRPlus:
    """ELR+ with teachers that follow two copies of the peer."""
    return ELRPlus(Networks([peer[0], copy.deepcopy(peer[0])]), **options)


CASES = {
    "bootstrap-soft": Case(
        "bootstrap-soft:beta=0.8", lambda peer: BootstrapSoft(0.8), 0.88, neutral=lambda peer: BootstrapSoft(1.0)
    ),
    "bootstrap-hard": Case(
        "bootstrap-hard", lambda peer: BootstrapHard(), 0.87, neutral=lambda peer: BootstrapHard(1.0)
    ),
    "d2l": Case("d2l", lambda peer: Turned(), 0.91, neutral=lambda peer: D2L(), counted="d2l:points=10"),
    "elr": Case("elr", lambda peer: ELR(), 0.91, neutral=lambda peer: ELR(lam=0.0), smooth=lambda peer: ELR(beta=1.0)),
    "elr-plus": Case(
        "elr-plus",
        elr_plus,
        0.91,
        neutral=lambda peer: elr_plus(peer, lam=0.0, alpha=1e-3),
        draws=True,
        counts=(2,),
    ),
    "sop": Case("sop", lambda peer: SOP(), 0.87),
    "sop-plus": Case("sop-plus", lambda peer: SOPPlus(), 0.88, draws=True),
}
