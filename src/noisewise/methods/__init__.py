"""One file per method: a card, a pure function, a small class. Recipes stand beside them; the catalogue lists both."""

from __future__ import annotations

from noisewise.methods.build import build, card, compose
from noisewise.methods.catalogue import METHODS

__all__ = ["METHODS", "build", "card", "compose"]
