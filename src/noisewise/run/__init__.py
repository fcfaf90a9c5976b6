"""One run: data set, corruption, model, method, settings and seed in; results in a folder out."""

from __future__ import annotations

from noisewise.run.train import Run, train

__all__ = ["Run", "train"]
