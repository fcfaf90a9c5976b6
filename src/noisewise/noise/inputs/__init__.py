"""Corruptions of inputs."""
