"""Gathering evidence on labels: networks and classifiers are cross-fitted."""
