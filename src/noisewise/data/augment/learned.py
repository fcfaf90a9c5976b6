"""The policies of AutoAugment (Cubuk et al., CVPR 2019, appendix): 25 pairs for each data set they were found on.

Every line is one pair; of both operations it has the name, the probability and the magnitude from 0 to 10.
"""

from __future__ import annotations

from typing import TypeAlias

Pair: TypeAlias = tuple[tuple[str, float, int], tuple[str, float, int]]

_CIFAR10 = """\
invert .1 0, contrast .2 6
rotate .7 2, translate-x .3 9
sharpness .8 1, sharpness .9 3
shear-y .5 8, translate-y .7 9
auto-contrast .5 0, equalize .9 0
shear-y .2 7, posterize .3 7
colour .4 3, brightness .6 7
sharpness .3 9, brightness .7 9
equalize .6 0, equalize .5 0
contrast .6 7, sharpness .6 5
colour .7 7, translate-x .5 8
equalize .3 0, auto-contrast .4 0
translate-y .4 3, sharpness .2 6
brightness .9 6, colour .2 8
solarize .5 2, invert 0 0
equalize .2 0, auto-contrast .6 0
equalize .2 0, equalize .6 0
colour .9 9, equalize .6 0
auto-contrast .8 0, solarize .2 8
brightness .1 3, colour .7 0
solarize .4 5, auto-contrast .9 0
translate-y .9 9, translate-y .7 9
auto-contrast .9 0, solarize .8 3
equalize .8 0, invert .1 0
translate-y .7 9, auto-contrast .9 0
"""

_IMAGENET = """\
posterize .4 8, rotate .6 9
solarize .6 5, auto-contrast .6 0
equalize .8 0, equalize .6 0
posterize .6 7, posterize .6 6
equalize .4 0, solarize .2 4
equalize .4 0, rotate .8 8
solarize .6 3, equalize .6 0
posterize .8 5, equalize 1 0
rotate .2 3, solarize .6 8
equalize .6 0, posterize .4 6
rotate .8 8, colour .4 0
rotate .4 9, equalize .6 0
equalize 0 0, equalize .8 0
invert .6 0, equalize 1 0
colour .6 4, contrast 1 8
rotate .8 8, colour 1 2
colour .8 8, solarize .8 7
sharpness .4 7, invert .6 0
shear-x .6 5, equalize 1 0
colour .4 0, equalize .6 0
equalize .4 0, solarize .2 4
solarize .6 5, auto-contrast .6 0
invert .6 0, equalize 1 0
colour .6 4, contrast 1 8
equalize .8 0, equalize .6 0
"""

_SVHN = """\
shear-x .9 4, invert .2 0
shear-y .9 8, invert .7 0
equalize .6 0, solarize .6 6
invert .9 0, equalize .6 0
equalize .6 0, rotate .9 3
shear-x .9 4, auto-contrast .8 0
shear-y .9 8, invert .4 0
shear-y .9 5, solarize .2 6
invert .9 0, auto-contrast .8 0
equalize .6 0, rotate .9 3
shear-x .9 4, solarize .3 3
shear-y .8 8, invert .7 0
equalize .9 0, translate-y .6 6
invert .9 0, equalize .6 0
contrast .3 3, rotate .8 4
invert .8 0, translate-y 0 2
shear-y .7 6, solarize .4 8
invert .6 0, rotate .8 4
shear-y .3 7, translate-x .9 3
shear-x .1 6, invert .6 0
solarize .7 2, translate-y .6 7
shear-y .8 4, invert .8 0
shear-x .7 9, translate-y .8 3
shear-y .8 5, auto-contrast .7 0
shear-x .7 2, invert .1 0
"""


def _pairs(text: str) -> tuple[Pair, ...]:
    return tuple((_step(first), _step(second)) for first, second in (line.split(",") for line in text.splitlines()))


def _step(text: str) -> tuple[str, float, int]:
    name, chance, magnitude = text.split()
    return name, float(chance), int(magnitude)


POLICIES = {"cifar10": _pairs(_CIFAR10), "imagenet": _pairs(_IMAGENET), "svhn": _pairs(_SVHN)}
