"""Networks of the literature, one small file each; the catalogue of their names; and `build`, which makes one."""

from noisewise.models.build import build, check, parameter_count, penultimate
from noisewise.models.card import ModelCard
from noisewise.models.catalogue import DEFAULTS, MODELS

__all__ = ["DEFAULTS", "MODELS", "ModelCard", "build", "check", "parameter_count", "penultimate"]
