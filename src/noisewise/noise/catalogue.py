"""The names of the corruptions and the class of each."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

CORRUPTIONS = Catalogue(
    "corruption",
    {
        "symmetric": "noisewise.noise.labels.symmetric:Symmetric",
        "uniform": "noisewise.noise.labels.uniform:Uniform",
        "pair": "noisewise.noise.labels.pair:Pair",
        "asymmetric": "noisewise.noise.labels.asymmetric:Asymmetric",
        "instance": "noisewise.noise.labels.instance:Instance",
        "annotators": "noisewise.noise.labels.annotators:Annotators",
        "matrix": "noisewise.noise.labels.matrix:Matrix",
        "random": "noisewise.noise.labels.random:Random",
        "permute": "noisewise.noise.labels.permute:Permute",
        "openset": "noisewise.noise.labels.openset:OpenSet",
        "gaussian": "noisewise.noise.inputs.gaussian:Gaussian",
        "random-pixels": "noisewise.noise.inputs.random_pixels:RandomPixels",
        "shuffled-pixels": "noisewise.noise.inputs.shuffled_pixels:ShuffledPixels",
        "blur": "noisewise.noise.inputs.blur:Blur",
        "vflip": "noisewise.noise.inputs.vflip:VFlip",
        "noise": "noisewise.noise.inputs.white_noise:Noise",
        "pgd": "noisewise.noise.inputs.pgd:PGD",
        "longtail": "noisewise.noise.balance.longtail:LongTail",
        "step": "noisewise.noise.balance.step:Step",
    },
    groups=("noisewise.corruptions",),
    refusal="noisewise.noise.corruption:refusal",
)
