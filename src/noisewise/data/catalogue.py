"""The names of the data sources and the function that loads each."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

SOURCES = Catalogue(
    "source",
    {
        "digits": "noisewise.data.named.mnist:digits",
        "mnist": "noisewise.data.named.mnist:mnist",
        "fashion-mnist": "noisewise.data.named.mnist:fashion_mnist",
        "cifar10": "noisewise.data.named.cifar:cifar10",
        "cifar100": "noisewise.data.named.cifar:cifar100",
        "cifar10n-aggre": "noisewise.data.named.cifar_n:cifar10n_aggre",
        "cifar10n-random1": "noisewise.data.named.cifar_n:cifar10n_random1",
        "cifar10n-random2": "noisewise.data.named.cifar_n:cifar10n_random2",
        "cifar10n-random3": "noisewise.data.named.cifar_n:cifar10n_random3",
        "cifar10n-worse": "noisewise.data.named.cifar_n:cifar10n_worse",
        "cifar100n": "noisewise.data.named.cifar_n:cifar100n",
        "clothing1m": "noisewise.data.named.clothing1m:clothing1m",
        "clothing1m-both": "noisewise.data.named.clothing1m:clothing1m_both",
        "webvision": "noisewise.data.named.webvision:webvision",
        "webvision-50": "noisewise.data.named.webvision:webvision50",
        "food-101": "noisewise.data.named.food101:food101",
        "food-101n": "noisewise.data.named.food101:food101n",
        "animal-10n": "noisewise.data.named.animal10n:animal10n",
        "tiny-imagenet": "noisewise.data.named.tiny_imagenet:tiny_imagenet",
    },
    groups=("noisewise.sources",),
    refusal="noisewise.catalogue:not_callable",
)

PHOTOGRAPHS = (
    *("clothing1m", "clothing1m-both", "webvision", "webvision-50"),
    *("food-101", "food-101n", "animal-10n", "tiny-imagenet"),
)
"""Sources of images in files, which can be read at another size, and of which broken ones can be left out."""
