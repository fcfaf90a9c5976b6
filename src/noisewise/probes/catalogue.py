"""The names of the probes and the class of each."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

PROBES = Catalogue(
    "probe",
    {
        "label-fit": "noisewise.probes.label_fit:LabelFit",
        "effective-parameters": "noisewise.probes.effective_parameters:EffectiveParameters",
        "fisher": "noisewise.probes.fisher:Fisher",
        "gradient-noise": "noisewise.probes.gradient_noise:GradientNoise",
        "complexity": "noisewise.probes.complexity:Complexity",
        "lid": "noisewise.probes.lid:LID",
        "frequency": "noisewise.probes.frequency:Frequency",
        "curvature": "noisewise.probes.curvature:Curvature",
    },
    groups=("noisewise.probes",),
    refusal="noisewise.probes.probe:refusal",
)
