"""The methods by family: per method a card, a pure function and a small class or recipe.

    from noisewise.methods import ELR, GCE, CoTeaching

    method = ELR(lam=7)

Classes and recipes of all catalogue entries can be imported from here; a module is loaded when its name is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from noisewise.methods.build import build, card, compose
from noisewise.methods.catalogue import METHODS

if TYPE_CHECKING:
    from noisewise.methods.automatic.auto import auto
    from noisewise.methods.classical.adaboost import adaboost
    from noisewise.methods.classical.resampling import resampling
    from noisewise.methods.classical.smote import smote
    from noisewise.methods.gradients.cdr import CDR
    from noisewise.methods.gradients.gradient_noise import GradientNoise
    from noisewise.methods.gradients.perturbed_gd import PerturbedGD
    from noisewise.methods.gradients.sam import SAM
    from noisewise.methods.inputs.mixup import Mixup
    from noisewise.methods.inputs.pgd_training import PGDTraining
    from noisewise.methods.learned.fwl import fwl
    from noisewise.methods.learned.hypergradient import Hypergradient
    from noisewise.methods.learned.l2rw import L2RW
    from noisewise.methods.learned.learned_loss import LearnedLoss
    from noisewise.methods.learned.meta_weight_net import MetaWeightNet
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
    from noisewise.methods.pairs.coteaching import CoTeaching
    from noisewise.methods.pairs.coteaching_plus import CoTeachingPlus
    from noisewise.methods.pairs.decoupling import Decoupling
    from noisewise.methods.pairs.jocor import JoCoR
    from noisewise.methods.semi_supervised.dividemix import dividemix
    from noisewise.methods.semi_supervised.m_correction import MCorrection
    from noisewise.methods.semi_supervised.pes import pes
    from noisewise.methods.semi_supervised.promix import promix
    from noisewise.methods.semi_supervised.self_ensembling import self_ensembling
    from noisewise.methods.targets.bootstrap import BootstrapHard, BootstrapSoft
    from noisewise.methods.targets.d2l import D2L
    from noisewise.methods.targets.elr import ELR
    from noisewise.methods.targets.elr_plus import elr_plus
    from noisewise.methods.targets.sop import SOP
    from noisewise.methods.targets.sop_plus import SOPPlus
    from noisewise.methods.transition.backward import backward
    from noisewise.methods.transition.forward import forward
    from noisewise.methods.transition.glc import glc
    from noisewise.methods.transition.learned_transition import LearnedTransition
    from noisewise.methods.transition.s_model import s_model
    from noisewise.methods.transition.t_revision import t_revision
    from noisewise.methods.transition.volminnet import VolMinNet
    from noisewise.methods.weights.class_balanced import ClassBalanced
    from noisewise.methods.weights.cores2 import CORES2
    from noisewise.methods.weights.focal_weighting import FocalWeighting
    from noisewise.methods.weights.hard_mining import HardMining
    from noisewise.methods.weights.linear_weighting import LinearWeighting
    from noisewise.methods.weights.mentornet import mentornet
    from noisewise.methods.weights.mixture_weighting import MixtureWeighting
    from noisewise.methods.weights.prediction_variance import PredictionVariance
    from noisewise.methods.weights.self_paced import SelfPaced

_PLACES = {place.partition(":")[2]: name for name, place in METHODS.own.items()}

__all__ = [
    "CDR",
    "CORES2",
    "CT",
    "D2L",
    "ELR",
    "GCE",
    "L2RW",
    "MAE",
    "METHODS",
    "SAM",
    "SCE",
    "SOP",
    "BiTempered",
    "BootstrapHard",
    "BootstrapSoft",
    "ClassBalanced",
    "CoTeaching",
    "CoTeachingPlus",
    "Correntropy",
    "CrossEntropy",
    "Decoupling",
    "Focal",
    "FocalWeighting",
    "GradientNoise",
    "HardMining",
    "Hypergradient",
    "JoCoR",
    "LabelSmoothing",
    "LearnedLoss",
    "LearnedTransition",
    "LinearWeighting",
    "MCorrection",
    "MetaWeightNet",
    "MixtureWeighting",
    "Mixup",
    "NCEandRCE",
    "PGDTraining",
    "PerturbedGD",
    "PolySoft",
    "PredictionVariance",
    "SOPPlus",
    "SelfPaced",
    "TaylorCE",
    "TruncatedGCE",
    "VolMinNet",
    "adaboost",
    "auto",
    "backward",
    "build",
    "card",
    "compose",
    "dividemix",
    "elr_plus",
    "forward",
    "fwl",
    "glc",
    "mentornet",
    "pes",
    "promix",
    "resampling",
    "s_model",
    "self_ensembling",
    "smote",
    "t_revision",
]


if not TYPE_CHECKING:  # or else a type checker would accept every name

    def __getattr__(name: str) -> Any:
        """The class or recipe of a catalogue entry, imported when it is first used."""
        if name not in _PLACES:
            raise AttributeError(f"module 'noisewise.methods' has no attribute {name!r}")
        globals()[name] = found = METHODS[_PLACES[name]]
        return found


def __dir__() -> list[str]:
    return sorted(__all__)
