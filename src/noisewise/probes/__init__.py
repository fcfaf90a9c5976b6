"""Probes: read-only measurements of training. Probes do not import methods."""

from noisewise.probes.build import build, probe
from noisewise.probes.catalogue import PROBES
from noisewise.probes.probe import Probe, ProbeCard, Subject

__all__ = ["PROBES", "Probe", "ProbeCard", "Subject", "build", "probe"]
