"""Closed forms and constructions: what theory says, to hold measurements against."""
