"""Networks of the literature, one small file each; the catalogue of their names; and `build`, which makes one."""

from noisewise.models.build import build, card_of, check, parameter_count, penultimate, recipe_of, side_of
from noisewise.models.card import ModelCard
from noisewise.models.catalogue import DEFAULTS, MODELS

__all__ = [
    "DEFAULTS",
    "MODELS",
    "ModelCard",
    "build",
    "card_of",
    "check",
    "parameter_count",
    "penultimate",
    "recipe_of",
    "side_of",
]
