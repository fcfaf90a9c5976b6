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
        "openset": "noisewise.noise.openset:OpenSet",
        "gaussian": "noisewise.noise.gaussian:Gaussian",
        "random-pixels": "noisewise.noise.random_pixels:RandomPixels",
        "shuffled-pixels": "noisewise.noise.shuffled_pixels:ShuffledPixels",
        "blur": "noisewise.noise.blur:Blur",
        "vflip": "noisewise.noise.vflip:VFlip",
        "noise": "noisewise.noise.white:Noise",
        "pgd": "noisewise.noise.pgd:PGD",
        "longtail": "noisewise.noise.longtail:LongTail",
        "step": "noisewise.noise.step:Step",
    },
)
