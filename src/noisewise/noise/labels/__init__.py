"""Corruptions of labels."""
