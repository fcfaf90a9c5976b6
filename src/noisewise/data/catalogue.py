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
    },
    groups=("noisewise.sources",),
    refusal="noisewise.catalogue:not_callable",
)
