"""The first fifteen methods."""

from noisewise.methods.bootstrap import BootstrapSoft
from noisewise.methods.cdr import CDR
from noisewise.methods.ce import CrossEntropy
from noisewise.methods.coteaching import CoTeaching
from noisewise.methods.dividemix import DivideMix
from noisewise.methods.elr import ELR
from noisewise.methods.forward import ForwardCorrection
from noisewise.methods.gce import GCE
from noisewise.methods.glc import GoldLossCorrection
from noisewise.methods.l2rw import L2RW
from noisewise.methods.meta_weight_net import MetaWeightNet
from noisewise.methods.mixup import Mixup
from noisewise.methods.pgd_training import PGDTraining
from noisewise.methods.sam import SAM
from noisewise.methods.self_paced import SelfPaced
from noisewise.training.networks import Networks

from ..case import Case, confusion


def divide_mix(peer: Networks, warmup: int = 0) -> DivideMix:
    """One network of DivideMix, past the warm-up where nothing else is said."""
    return DivideMix(peer, warmup, lambda_u=5.0, temperature=0.5, alpha=4.0, threshold=0.5, negentropy=False)


CASES = {
    "ce": Case("ce", lambda peer: CrossEntropy(), 0.86, neutral=lambda peer: CrossEntropy()),
    "gce": Case("gce", lambda peer: GCE(0.7), 0.91, neutral=lambda peer: GCE(1e-6)),
    "bootstrap-soft": Case(
        "bootstrap-soft:beta=0.8", lambda peer: BootstrapSoft(0.8), 0.88, neutral=lambda peer: BootstrapSoft(1.0)
    ),
    "elr": Case("elr", lambda peer: ELR(), 0.91, neutral=lambda peer: ELR(lam=0.0), smooth=lambda peer: ELR(beta=1.0)),
    "forward": Case(
        "forward",
        lambda peer: ForwardCorrection(confusion()),
        0.88,
        neutral=lambda peer: ForwardCorrection(confusion(0)),
    ),
    "self-paced": Case(
        "self-paced:keep=0.6", lambda peer: SelfPaced(0.6, 0.0), 0.90, neutral=lambda peer: SelfPaced(0.6, burn_in=1.0)
    ),
    "coteaching": Case(
        "coteaching:rate=0.4",
        lambda peer: CoTeaching(0.4, gradual=1),
        0.91,
        neutral=lambda peer: CoTeaching(0.0),
        counts=(2,),
    ),
    "cdr": Case("cdr:tau=0.4", lambda peer: CDR(0.4), 0.90, neutral=lambda peer: CDR(0.0)),
    "sam": Case("sam", lambda peer: SAM(), 0.87, neutral=lambda peer: SAM(rho=0.0)),
    "meta-weight-net": Case("meta-weight-net:hidden=8,lr=0.01", lambda peer: MetaWeightNet(8), 0.85),
    "l2rw": Case("l2rw", lambda peer: L2RW(), 0.88),
    "glc": Case("glc", lambda peer: GoldLossCorrection(confusion(), 0.5), 0.90),
    "dividemix": Case(
        "dividemix:warmup=3,lambda_u=5",
        divide_mix,
        0.93,
        neutral=lambda peer: divide_mix(peer, warmup=100),
        draws=True,
        counts=(1,),
    ),
    "mixup": Case("mixup", lambda peer: Mixup(), 0.90, neutral=lambda peer: Mixup(1e-3), draws=True),
    "pgd-training": Case(
        "pgd-training:eps=0.05,steps=2",
        lambda peer: PGDTraining(0.05, steps=2),
        0.90,
        neutral=lambda peer: PGDTraining(0.0),
        draws=True,
    ),
}
