"""Grids of runs with seeds: expanded from a TOML spec, run by an engine, resumable, with a leaderboard."""

from __future__ import annotations

from noisewise.bench.bench import bench

__all__ = ["bench"]
