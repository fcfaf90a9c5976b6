import numpy as np
import pytest

from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput
from noisewise.noise import corrupt
from noisewise.noise.labels.confusions import CLASSES, SUPERCLASSES, confusion, identify

# Superclass of each fine class of CIFAR-100, as the data set's own coarse labels number them.
COARSE = (
    "4 1 14 8 0 6 7 7 18 3 3 14 9 18 7 11 3 9 7 11 6 11 5 10 7 6 13 15 3 15 0 11 1 10 12 14 16 9 11 5 5 19 8 8 15 13 "
    "14 17 18 10 16 4 17 4 2 0 17 4 18 17 10 3 2 12 12 16 12 1 9 19 2 10 0 1 16 12 9 13 15 13 16 19 2 4 6 19 5 5 8 19 "
    "18 1 2 15 6 0 17 8 14 13"
)
NUMBERS = tuple("0123456789")


def certain(classes, spec="asymmetric:1", name="data", **fields):
    """Class names before and after noise of rate 1, for the classes that change."""
    k = len(classes)
    data = Dataset(np.zeros((k, 1), np.float32), np.arange(k), classes, name=name, **fields)
    noisy = corrupt(data, spec)
    return {classes[a]: classes[b] for a, b in zip(noisy.truth, noisy.given, strict=True) if a != b}


CIFAR10_MAP = {"truck": "automobile", "bird": "airplane", "cat": "dog", "dog": "cat", "deer": "horse"}
FASHION_MAP = {"T-shirt/top": "Shirt", "Pullover": "Coat", "Sandal": "Sneaker", "Sneaker": "Sandal"}


def test_published_maps():
    assert certain(CLASSES["cifar10"]) == CIFAR10_MAP
    assert certain(CLASSES["fashion-mnist"]) == FASHION_MAP
    assert certain(NUMBERS, name="mnist") == {"2": "7", "3": "8", "5": "6", "6": "5"}
    assert certain(NUMBERS, "asymmetric:1,variant=sce", "mnist") == {"2": "7", "3": "8", "5": "6", "6": "5", "7": "1"}


def test_published_maps_by_number():
    assert confusion("cifar10") == {9: 1, 2: 0, 3: 5, 5: 3, 4: 7}
    assert confusion("fashion-mnist") == {0: 6, 2: 4, 5: 7, 7: 5}


def test_the_superclasses_are_those_of_the_data_set():
    coarse = [int(number) for number in COARSE.split()]
    numbered = {name: i for i, five in enumerate(SUPERCLASSES.values()) for name in five}
    assert [numbered[name] for name in CLASSES["cifar100"]] == coarse


def test_cifar100_goes_round_within_its_superclasses():
    confused = confusion("cifar100")
    coarse = COARSE.split()
    assert sorted(confused) == sorted(confused.values()) == list(range(100))
    assert all(coarse[a] == coarse[b] for a, b in confused.items())
    assert certain(CLASSES["cifar100"])["whale"] == "beaver"
    for start in range(100):
        orbit = [start]
        while (following := confused[orbit[-1]]) != start:
            orbit.append(following)
        assert len(orbit) == 5


def test_cifar100_in_blocks_of_five_as_published():
    confused = certain(CLASSES["cifar100"], "asymmetric:1,compat_blocks=true")
    names = CLASSES["cifar100"]
    assert confused == {names[i]: names[i + 1 if i % 5 < 4 else i - 4] for i in range(100)}


def test_class_names_decide_in_any_order_and_spelling():
    shuffled = tuple(np.random.default_rng(0).permutation(CLASSES["cifar10"]))
    assert certain(shuffled, name="noisy.npz") == CIFAR10_MAP
    renamed = tuple({"airplane": "Plane", "automobile": "car"}.get(name, name.upper()) for name in CLASSES["cifar10"])
    assert certain(renamed)["TRUCK"] == "car"
    spaced = tuple(name.replace("_", " ") for name in CLASSES["cifar100"])
    assert certain(spaced)["willow tree"] == "maple tree"


@pytest.mark.parametrize(
    "name, source",
    [
        ("mnist", "mnist"),
        ("digits", "mnist"),
        ("MNIST test.npz", "mnist"),
        ("fashion-mnist", "fashion-mnist"),
        ("data/FashionMNIST/raw", "fashion-mnist"),
        ("fashion_mnist.npz", "fashion-mnist"),
        ("cifar10n-worse", "cifar10"),
        ("hf:cifar10", "cifar10"),
        ("cifar100", None),
        ("kmnist", None),
        ("table.csv", None),
    ],
)
def test_where_classes_are_numbers_the_name_decides(name, source):
    assert identify(name, NUMBERS) == source
    assert identify(name, tuple("abcdefghij")) is None


def test_a_selection_of_noisy_rows_is_still_known(fashion):
    part = corrupt(fashion, "symmetric:0.2").take(np.arange(100))
    again = corrupt(part, "asymmetric:1")
    np.testing.assert_array_equal(again.given == part.given, ~np.isin(part.given, [0, 2, 5, 7]))


def test_mutually_confused_classes_swap_simultaneously(fashion):
    noisy = corrupt(fashion, "asymmetric:0.4,exact=true")
    for a, b in ((5, 7), (7, 5), (0, 6), (2, 4)):
        rows = fashion.given == a
        assert (noisy.given[rows] == b).sum() == np.rint(0.4 * rows.sum())
        assert np.isin(noisy.given[rows], [a, b]).all()
    untouched = np.isin(fashion.given, [1, 3, 4, 6, 8, 9])
    np.testing.assert_array_equal(noisy.given[untouched], fashion.given[untouched])


def test_other_data_are_refused_with_a_way_out(vectors):
    with pytest.raises(BadInput, match="use pair:RATE or matrix:FILE"):
        corrupt(vectors(n=30, k=3), "asymmetric:0.2")
    with pytest.raises(BadInput, match="or say source=NAME if it is one of mnist"):
        corrupt(vectors(n=30, classes=NUMBERS, name="x.npz"), "asymmetric:0.2")
    with pytest.raises(BadInput, match="source=cifar100 has 100 classes, but 'data' has 10"):
        corrupt(vectors(n=30), "asymmetric:0.2,source=cifar100")


def test_a_named_source_is_taken_by_name_by_number_or_by_position():
    backwards = CLASSES["cifar10"][::-1]
    assert certain(backwards, "asymmetric:1,source=cifar10") == CIFAR10_MAP
    assert certain(NUMBERS[::-1], "asymmetric:1,source=cifar10")["9"] == "1"
    assert certain(tuple("abcdefghij"), "asymmetric:1,source=fashion-mnist") == {"a": "g", "c": "e", "f": "h", "h": "f"}


@pytest.mark.parametrize(
    "options, reason",
    [
        ("variant=sce", "variant=sce is a map of mnist and does nothing on fashion-mnist"),
        ("compat_blocks=true", "is a map of cifar100 and does nothing on fashion-mnist"),
        ("variant=x", "asymmetric: variant='x' must be one of cdr, sce"),
        ("source=svhn", "source='svhn' must be one of auto, mnist, "),
        ("compat_blocks=1", "must be true or false"),
    ],
)
def test_options_of_another_data_set_are_refused(options, reason, fashion):
    with pytest.raises(BadInput, match=reason):
        corrupt(fashion, f"asymmetric:0.2,{options}")
