"""The names of the corruptions and where each one lives."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

CORRUPTIONS = Catalogue(
    "corruption",
    {
        "symmetric": "noisewise.noise.symmetric:Symmetric",
        "uniform": "noisewise.noise.uniform:Uniform",
        "pair": "noisewise.noise.pair:Pair",
        "asymmetric": "noisewise.noise.asymmetric:Asymmetric",
        "instance": "noisewise.noise.instance:Instance",
        "matrix": "noisewise.noise.matrix:Matrix",
        "random": "noisewise.noise.random:Random",
        "permute": "noisewise.noise.permute:Permute",
    },
)
