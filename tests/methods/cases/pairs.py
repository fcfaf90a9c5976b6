"""Two networks that agree or disagree."""

from noisewise.methods.pairs.coteaching import CoTeaching
from noisewise.methods.pairs.coteaching_plus import CoTeachingPlus
from noisewise.methods.pairs.decoupling import Decoupling
from noisewise.methods.pairs.jocor import JoCoR

from ..case import Case

CASES = {
    "decoupling": Case(
        "decoupling", lambda peer: Decoupling(), 0.86, neutral=lambda peer: Decoupling(warmup=1.0), counts=(2,)
    ),
    "coteaching": Case(
        "coteaching:rate=0.4",
        lambda peer: CoTeaching(0.4, gradual=1),
        0.91,
        neutral=lambda peer: CoTeaching(0.0),
        counts=(2,),
    ),
    "coteaching-plus": Case(
        "coteaching-plus",
        lambda peer: CoTeachingPlus(0.4, gradual=1, warmup=0.2),
        0.88,
        neutral=lambda peer: CoTeachingPlus(0.0, warmup=1.0),
        counts=(2,),
    ),
    "jocor": Case(
        "jocor:rate=0.4",
        lambda peer: JoCoR(0.4, gradual=1),
        0.90,
        neutral=lambda peer: JoCoR(0.0, lam=0.0),
        counts=(2,),
    ),
}
