"""Sample weights."""

import torch

from noisewise.methods.weights.class_balanced import ClassBalanced
from noisewise.methods.weights.cores2 import CORES2
from noisewise.methods.weights.focal_weighting import FocalWeighting
from noisewise.methods.weights.hard_mining import HardMining
from noisewise.methods.weights.linear_weighting import LinearWeighting
from noisewise.methods.weights.mentor import MentorNet
from noisewise.methods.weights.mentornet import Mentored
from noisewise.methods.weights.mixture_weighting import MixtureWeighting
from noisewise.methods.weights.prediction_variance import PredictionVariance
from noisewise.methods.weights.self_paced import SelfPaced

from ..case import Case


def mentored(burn_in: float, late_dropout: float) -> Mentored:
    """A student of an untrained MentorNet."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        mentor = MentorNet().requires_grad_(False)
    return Mentored(mentor, burn_in=burn_in, late_dropout=late_dropout)


CASES = {
    "self-paced": Case(
        "self-paced:keep=0.6", lambda peer: SelfPaced(0.6, 0.0), 0.90, neutral=lambda peer: SelfPaced(0.6, burn_in=1.0)
    ),
    "linear-weighting": Case(
        "linear-weighting",
        lambda peer: LinearWeighting(burn_in=0.0),
        0.92,
        neutral=lambda peer: LinearWeighting(burn_in=1.0),
    ),
    "mixture-weighting": Case(
        "mixture-weighting",
        lambda peer: MixtureWeighting(burn_in=0.0),
        0.93,
        neutral=lambda peer: MixtureWeighting(burn_in=1.0),
    ),
    "focal-weighting": Case(
        "focal-weighting", lambda peer: FocalWeighting(), 0.77, neutral=lambda peer: FocalWeighting(0.0)
    ),
    "hard-mining": Case(
        "hard-mining", lambda peer: HardMining(burn_in=0.0), 0.73, neutral=lambda peer: HardMining(burn_in=1.0)
    ),
    "prediction-variance": Case("prediction-variance", lambda peer: PredictionVariance(0.0), 0.87),
    "class-balanced": Case("class-balanced", lambda peer: ClassBalanced(), 0.85),
    "cores2": Case("cores2", lambda peer: CORES2(), 0.92, neutral=lambda peer: CORES2(0.0, start=1.0)),
    "mentornet": Case(
        "mentornet:steps=300",
        lambda peer: mentored(0.0, 0.5),
        0.92,
        neutral=lambda peer: mentored(1.0, 0.0),
        draws=True,
    ),
}
