"""Trainings, data and statistics that several studies share."""
