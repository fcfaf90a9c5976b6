"""Corruptions of data sets, one file each; the catalogue of their names; and `corrupt`, which applies a spec."""

from noisewise.noise.catalogue import CORRUPTIONS
from noisewise.noise.corruption import Corruption, CorruptionCard, corrupt, relabel

__all__ = ["CORRUPTIONS", "Corruption", "CorruptionCard", "corrupt", "relabel"]
