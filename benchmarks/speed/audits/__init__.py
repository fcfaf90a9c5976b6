"""Whole audits beside cleanlab."""
