"""Semi-supervised recipes, second part."""

from noisewise.methods.m_correction import MCorrection
from noisewise.methods.promix import ProMix, Settings
from noisewise.training.networks import Networks

from ..case import Case


def pro_mix(peer: Networks, warmup: int = 0) -> ProMix:
    """One network of ProMix, past the warm-up where nothing else is said."""
    return ProMix(peer, Settings(0.5, 0.9, 0.8, warmup, 1, 0.4))


CASES = {
    "m-correction": Case(
        "m-correction",
        lambda peer: MCorrection(warmup=0.0),
        0.90,
        neutral=lambda peer: MCorrection(alpha=1e-3, warmup=1.0),
        draws=True,
    ),
    "promix": Case("promix", pro_mix, 0.92, neutral=lambda peer: pro_mix(peer, warmup=100), draws=True, counts=(1,)),
}
