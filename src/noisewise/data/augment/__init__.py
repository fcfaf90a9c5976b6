"""Augmentation of whole batches on their device; all random numbers come from the given generator."""

from __future__ import annotations

from noisewise.data.augment.spec import Augment

__all__ = ["Augment"]
