"""Semi-supervised recipes, first part."""

from noisewise.methods.pes import SemiConfident
from noisewise.methods.self_ensembling import SelfEnsembling
from noisewise.training.networks import Networks

from ..case import Case


def teaching(peer: Networks, consistency: float = 5.0) -> SelfEnsembling:
    """The middle of a round of SELF with a teacher that follows the peer."""
    return SelfEnsembling(peer, 0, 5, consistency=consistency)


CASES = {
    "self-ensembling": Case("self-ensembling:rounds=2,restart=false", teaching, 0.92, counts=(1,)),
    "pes": Case("pes:first=2", lambda peer: SemiConfident(0, 5.0, 0.5, 4.0), 0.91, draws=True, counts=(1,)),
}
