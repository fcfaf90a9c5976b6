"""The noise room: corruptions, one file each; the catalogue of their names; and `corrupt`, which applies a spec."""

from noisewise.noise.catalogue import CORRUPTIONS
from noisewise.noise.corruption import Card, Corruption, corrupt

__all__ = ["CORRUPTIONS", "Card", "Corruption", "corrupt"]
