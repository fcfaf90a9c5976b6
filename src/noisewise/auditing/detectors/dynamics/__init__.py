"""Detectors of training dynamics: statistics of the ledger."""
