"""Closed forms and constructions of theory, for comparison with measurements."""
