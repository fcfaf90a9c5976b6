"""Detectors of nearest neighbours in the features."""
