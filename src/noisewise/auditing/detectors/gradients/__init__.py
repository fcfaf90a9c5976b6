"""Detectors of the last layer's gradients."""
