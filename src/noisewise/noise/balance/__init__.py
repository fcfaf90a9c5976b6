"""Corruptions of the balance of classes."""
