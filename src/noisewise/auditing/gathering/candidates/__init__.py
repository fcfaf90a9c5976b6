"""Candidates: the models that an audit compares, each in one file and one line of the catalogue."""
