"""Learning on trusted rows by one virtual step ahead, and the derivative of a network along a change of its weights."""

from __future__ import annotations

from noisewise.training.meta.ahead import (
    DERIVATIVES,
    ORDERS,
    TRUSTED,
    Learned,
    LookAhead,
    trusted_gradient,
)

__all__ = ["DERIVATIVES", "ORDERS", "TRUSTED", "Learned", "LookAhead", "trusted_gradient"]
