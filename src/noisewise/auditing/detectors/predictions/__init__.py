"""Detectors of out-of-fold probabilities."""
