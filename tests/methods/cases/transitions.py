"""Methods with a transition matrix."""

from noisewise.methods.transition.backward import BackwardCorrection
from noisewise.methods.transition.forward import ForwardCorrection
from noisewise.methods.transition.glc import GoldLossCorrection
from noisewise.methods.transition.learned_transition import LearnedTransition
from noisewise.methods.transition.s_model import NoiseLayer
from noisewise.methods.transition.t_revision import ImportanceReweighting, Revision
from noisewise.methods.transition.volminnet import VolMinNet

from ..case import Case, confusion

CASES = {
    "forward": Case(
        "forward",
        lambda peer: ForwardCorrection(confusion()),
        0.88,
        neutral=lambda peer: ForwardCorrection(confusion(0)),
    ),
    "backward": Case(
        "backward",
        lambda peer: BackwardCorrection(confusion()),
        0.91,
        neutral=lambda peer: BackwardCorrection(confusion(0)),
    ),
    "s-model": Case("s-model", lambda peer: NoiseLayer(confusion()), 0.87),
    "glc": Case("glc", lambda peer: GoldLossCorrection(confusion(), 0.5), 0.90),
    "t-revision": Case(
        "t-revision",
        lambda peer: ImportanceReweighting(confusion()),
        0.88,
        neutral=lambda peer: ImportanceReweighting(confusion(0)),
        smooth=lambda peer: Revision(confusion(), through=True),
    ),
    "volminnet": Case(
        "volminnet", lambda peer: VolMinNet(), 0.91, neutral=lambda peer: VolMinNet(lam=0.0, lr=1e-9, init=-40)
    ),
    "learned-transition": Case(
        "learned-transition",
        lambda peer: LearnedTransition(lr=0.0),
        0.90,
        neutral=lambda peer: LearnedTransition(start=1 - 1e-6, lr=0.0),
    ),
}
