"""Published confusion maps: which class of a known data set is taken for which.

mnist, fashion-mnist and cifar10 as in Patrini et al., Making Deep Neural Networks Robust to Label Noise, CVPR 2017, and
Xia et al., Robust Early-learning: Hindering the Memorization of Noisy Labels (CDR), ICLR 2021. Wang et al., Symmetric
Cross Entropy for Robust Learning with Noisy Labels (SCE), ICCV 2019, add 7 -> 1 on mnist. On cifar100 a class becomes
the next, in alphabetical order and round, of the five in its superclass.
"""

from __future__ import annotations

import re

from noisewise.data.named.cifar import CIFAR10
from noisewise.data.named.mnist import CLOTHES, DIGITS

SUPERCLASSES = {
    "aquatic mammals": ("beaver", "dolphin", "otter", "seal", "whale"),
    "fish": ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    "flowers": ("orchid", "poppy", "rose", "sunflower", "tulip"),
    "food containers": ("bottle", "bowl", "can", "cup", "plate"),
    "fruit and vegetables": ("apple", "mushroom", "orange", "pear", "sweet_pepper"),
    "household electrical devices": ("clock", "keyboard", "lamp", "telephone", "television"),
    "household furniture": ("bed", "chair", "couch", "table", "wardrobe"),
    "insects": ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    "large carnivores": ("bear", "leopard", "lion", "tiger", "wolf"),
    "large man-made outdoor things": ("bridge", "castle", "house", "road", "skyscraper"),
    "large natural outdoor scenes": ("cloud", "forest", "mountain", "plain", "sea"),
    "large omnivores and herbivores": ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    "medium-sized mammals": ("fox", "porcupine", "possum", "raccoon", "skunk"),
    "non-insect invertebrates": ("crab", "lobster", "snail", "spider", "worm"),
    "people": ("baby", "boy", "girl", "man", "woman"),
    "reptiles": ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    "small mammals": ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
    "trees": ("maple_tree", "oak_tree", "palm_tree", "pine_tree", "willow_tree"),
    "vehicles 1": ("bicycle", "bus", "motorcycle", "pickup_truck", "train"),
    "vehicles 2": ("lawn_mower", "rocket", "streetcar", "tank", "tractor"),
}

CLASSES: dict[str, tuple[str, ...]] = {
    "mnist": DIGITS,
    "fashion-mnist": CLOTHES,
    "cifar10": CIFAR10,
    "cifar100": tuple(sorted(name for five in SUPERCLASSES.values() for name in five)),
}

_MAPS = {
    "mnist": {"2": "7", "3": "8", "5": "6", "6": "5"},
    "fashion-mnist": {"T-shirt/top": "Shirt", "Pullover": "Coat", "Sandal": "Sneaker", "Sneaker": "Sandal"},
    "cifar10": {"truck": "automobile", "bird": "airplane", "cat": "dog", "dog": "cat", "deer": "horse"},
    "cifar100": {a: b for five in SUPERCLASSES.values() for a, b in zip(five, (*five[1:], five[0]), strict=True)},
}

_ALIASES = {"plane": "airplane", "car": "automobile", "tshirt": "tshirttop"}
_SOURCES = {
    "fashionmnist": "fashion-mnist",
    "cifar100": "cifar100",
    "cifar10": "cifar10",
    "mnist": "mnist",
    "digits": "mnist",
}
_IN_A_NAME = re.compile(r"(?<![a-z])(fashion-?mnist|cifar-?100|cifar-?10|mnist|digits)(?![0-9])")


def confusion(source: str, variant: str = "cdr", compat_blocks: bool = False) -> dict[int, int]:
    """The class that each confused class of a source is confused with.

    Args:
        source: a key of `CLASSES`.
        variant: on mnist, "cdr", or "sce", which adds 7 -> 1.
        compat_blocks: on cifar100, use the next of five consecutive classes, as published code does. These blocks cut
            across the superclasses, since the classes are numbered alphabetically.
    """
    if source == "cifar100" and compat_blocks:
        return {i: i - i % 5 + (i + 1) % 5 for i in range(100)}
    names, confused = CLASSES[source], dict(_MAPS[source])
    if source == "mnist" and variant == "sce":
        confused["7"] = "1"
    return {names.index(a): names.index(b) for a, b in confused.items()}


def identify(name: str, classes: tuple[str, ...]) -> str | None:
    """The source that a data set comes from, or None.

    Class names decide, in any order and regardless of case and punctuation. Where class names are only numbers (as in
    mnist, and in any data without names), `name`, the origin of the data, decides instead.
    """
    for source in ("fashion-mnist", "cifar10", "cifar100"):
        if _places(CLASSES[source], classes):
            return source
    found = _IN_A_NAME.search(re.sub(r"[ _]", "-", name.lower()))
    source = _SOURCES[found[1].replace("-", "")] if found else ""
    return source if source and positions(source, classes) else None


def positions(source: str, classes: tuple[str, ...]) -> list[int] | None:
    """The position of each class of the source among `classes`, by name or by number; None if they do not match."""
    numbers = tuple(str(i) for i in range(len(CLASSES[source])))
    return _places(CLASSES[source], classes) or _places(numbers, classes)


def _places(names: tuple[str, ...], classes: tuple[str, ...]) -> list[int] | None:
    wanted, have = [_key(name) for name in names], [_key(name) for name in classes]
    return [have.index(name) for name in wanted] if sorted(wanted) == sorted(have) else None


def _key(name: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return _ALIASES.get(plain, plain)
