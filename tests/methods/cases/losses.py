"""Cross entropy, robust losses and smoothed labels."""

from noisewise.methods.losses.bi_tempered import BiTempered
from noisewise.methods.losses.ce import CrossEntropy
from noisewise.methods.losses.correntropy import Correntropy
from noisewise.methods.losses.ct import CT
from noisewise.methods.losses.focal import Focal
from noisewise.methods.losses.gce import GCE
from noisewise.methods.losses.label_smoothing import LabelSmoothing
from noisewise.methods.losses.mae import MAE
from noisewise.methods.losses.nce_rce import NCEandRCE
from noisewise.methods.losses.poly_soft import PolySoft
from noisewise.methods.losses.sce import SCE
from noisewise.methods.losses.taylor_ce import TaylorCE
from noisewise.methods.losses.truncated_gce import TruncatedGCE

from ..case import Case

CASES = {
    "ce": Case("ce", lambda peer: CrossEntropy(), 0.86, neutral=lambda peer: CrossEntropy()),
    "label-smoothing": Case(
        "label-smoothing", lambda peer: LabelSmoothing(), 0.88, neutral=lambda peer: LabelSmoothing(0.0)
    ),
    "mae": Case("mae", lambda peer: MAE(), 0.92),
    "gce": Case("gce", lambda peer: GCE(0.7), 0.91, neutral=lambda peer: GCE(1e-6)),
    "truncated-gce": Case(
        "truncated-gce", lambda peer: TruncatedGCE(), 0.91, neutral=lambda peer: TruncatedGCE(q=1e-6)
    ),
    "sce": Case("sce", lambda peer: SCE(), 0.90, neutral=lambda peer: SCE(1.0, 0.0)),
    "bi-tempered": Case("bi-tempered", lambda peer: BiTempered(), 0.91, neutral=lambda peer: BiTempered(1.0, 1.0)),
    "focal": Case("focal", lambda peer: Focal(), 0.81, neutral=lambda peer: Focal(0.0)),
    "taylor-ce": Case("taylor-ce", lambda peer: TaylorCE(), 0.92, neutral=lambda peer: TaylorCE(200)),
    "nce-rce": Case("nce-rce", lambda peer: NCEandRCE(), 0.90),
    "poly-soft": Case(
        "poly-soft", lambda peer: PolySoft(burn_in=0.0), 0.92, neutral=lambda peer: PolySoft(burn_in=1.0)
    ),
    "correntropy": Case("correntropy", lambda peer: Correntropy(), 0.91),
    "ct": Case("ct", lambda peer: CT(), 0.90, neutral=lambda peer: CT(sigma=0.01)),
}
