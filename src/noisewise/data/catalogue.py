"""The names of the data sources and where each one lives."""

from __future__ import annotations

from noisewise.catalogue import Catalogue

SOURCES = Catalogue(
    "source",
    {
        "digits": "noisewise.data.named:digits",
        "mnist": "noisewise.data.named:mnist",
        "fashion-mnist": "noisewise.data.named:fashion_mnist",
        "cifar10": "noisewise.data.cifar:cifar10",
        "cifar100": "noisewise.data.cifar:cifar100",
        "cifar10n-aggre": "noisewise.data.human:cifar10n_aggre",
        "cifar10n-random1": "noisewise.data.human:cifar10n_random1",
        "cifar10n-random2": "noisewise.data.human:cifar10n_random2",
        "cifar10n-random3": "noisewise.data.human:cifar10n_random3",
        "cifar10n-worse": "noisewise.data.human:cifar10n_worse",
        "cifar100n": "noisewise.data.human:cifar100n",
    },
)
