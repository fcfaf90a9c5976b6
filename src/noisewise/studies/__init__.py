"""Published experiments as programs: each runs, draws its figure from its own numbers and checks claims."""

from __future__ import annotations

from noisewise.studies.catalogue import STUDIES, find
from noisewise.studies.frame.claim import Claim
from noisewise.studies.frame.estimate import Estimate
from noisewise.studies.frame.perform import Outcome, perform, perform_all
from noisewise.studies.frame.results import Results, means
from noisewise.studies.frame.study import SCALES, Scale, Study, StudyCard
from noisewise.studies.harness.fit import training

__all__ = [
    "SCALES",
    "STUDIES",
    "Claim",
    "Estimate",
    "Outcome",
    "Results",
    "Scale",
    "Study",
    "StudyCard",
    "find",
    "means",
    "perform",
    "perform_all",
    "training",
]
