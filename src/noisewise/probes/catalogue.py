"""The probes by name: one line each."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

PROBES = Catalogue(
    "probe",
    {
        "label-fit": "noisewise.probes.label_fit:LabelFit",
        "effective-parameters": "noisewise.probes.effective_parameters:EffectiveParameters",
    },
)
