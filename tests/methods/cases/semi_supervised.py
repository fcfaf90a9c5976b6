"""Semi-supervised recipes."""

from noisewise.methods.semi_supervised.dividemix import DivideMix
from noisewise.methods.semi_supervised.m_correction import MCorrection
from noisewise.methods.semi_supervised.pes import SemiConfident
from noisewise.methods.semi_supervised.promix import ProMix, Settings
from noisewise.methods.semi_supervised.self_ensembling import SelfEnsembling
from noisewise.training.networks import Networks

from ..case import Case


def divide_mix(peer: Networks, warmup: int = 0) -> DivideMix:
    """One network of DivideMix, past the warm-up where nothing else is said."""
    return DivideMix(peer, warmup, lambda_u=5.0, temperature=0.5, alpha=4.0, threshold=0.5, negentropy=False)


def pro_mix(peer: Networks, warmup: int = 0) -> ProMix:
    """One network of ProMix, past the warm-up where nothing else is said."""
    return ProMix(peer, Settings(0.5, 0.9, 0.8, warmup, 1, 0.4))


def teaching(peer: Networks, consistency: float = 5.0) -> SelfEnsembling:
    """The middle of a round of SELF with a teacher that follows the peer."""
    return SelfEnsembling(peer, 0, 5, consistency=consistency)


CASES = {
    "dividemix": Case(
        "dividemix:warmup=3,lambda_u=5",
        divide_mix,
        0.93,
        neutral=lambda peer: divide_mix(peer, warmup=100),
        draws=True,
        counts=(1,),
    ),
    "self-ensembling": Case("self-ensembling:rounds=2,restart=false", teaching, 0.92, counts=(1,)),
    "pes": Case("pes:first=2", lambda peer: SemiConfident(0, 5.0, 0.5, 4.0), 0.91, draws=True, counts=(1,)),
    "m-correction": Case(
        "m-correction",
        lambda peer: MCorrection(warmup=0.0),
        0.90,
        neutral=lambda peer: MCorrection(alpha=1e-3, warmup=1.0),
        draws=True,
    ),
    "promix": Case(
        "promix",
        pro_mix,
        0.92,
        neutral=lambda peer: pro_mix(peer, warmup=100),
        draws=True,
        counts=(1,),
        counted="promix:warmup=4,ramp=8",
    ),
}
