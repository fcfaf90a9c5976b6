"""Published experiments as programs: each runs, draws its figure from its own numbers and checks claims."""

from __future__ import annotations

from noisewise.studies.catalogue import STUDIES, find
from noisewise.studies.perform import Outcome, perform
from noisewise.studies.results import Results
from noisewise.studies.study import SCALES, Card, Claim, Study
from noisewise.studies.trainings import training

__all__ = ["SCALES", "STUDIES", "Card", "Claim", "Outcome", "Results", "Study", "find", "perform", "training"]
