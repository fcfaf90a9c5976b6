"""Trees of folders: classes, splits of classes, or something else, which is refused with what it looks like."""

import pytest
from PIL import Image

from noisewise.data import load
from noisewise.data.images.layout import split_name
from noisewise.errors import BadInput


@pytest.fixture
def tree(tmp_path):
    """A writer of two images in each of the folders that are named."""

    def write(*folders):
        for place, folder in enumerate(folders):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            for number in range(2):
                Image.new("L", (4, 4), 20 * place).save(tmp_path / folder / f"{number}.png")
        return tmp_path

    return write


@pytest.mark.parametrize(
    "name, split",
    [
        *[(name, "train") for name in ("train", "Train", "TRAINING", "train_set", "training-images")],
        *[(name, "validation") for name in ("val", "Valid", "validation", "val_images_256", "VAL2")],
        *[(name, "test") for name in ("test", "TEST", "testing", "test_set")],
        *[(name, "trusted") for name in ("trusted", "Trusted")],
        *[(name, None) for name in ("cat", "trains", "train station", "tested", "images", "set", "256", "train_test")],
    ],
)
def test_names_of_splits(name, split):
    assert split_name(name) == split


@pytest.mark.parametrize(
    "names",
    [
        {"train": "train", "test": "test"},
        {"train": "Train", "test": "Test"},
        {"train": "TRAIN", "validation": "VAL", "test": "TEST"},
        {"train": "training", "validation": "validation"},
        {"train": "training_set", "test": "test_set"},
        {"train": "train", "validation": "valid", "test": "testing", "trusted": "trusted"},
    ],
)
def test_splits_are_never_classes(tree, names):
    data = load(tree(*(f"{name}/{kind}" for name in names.values() for kind in ("cat", "dog"))))
    assert data.classes == ("cat", "dog")
    assert data.given.tolist() == [0, 0, 1, 1]
    for split in ("test", "validation", "trusted"):
        part = getattr(data, split)
        assert (part is not None) == (split in names)
        if part is not None:
            assert part.given.tolist() == [0, 0, 1, 1]
            assert part.described["file"][0] == f"{names[split]}/cat/0.png"
    assert data.notes[0].startswith("splits: ")
    parts = [part for part in (data, data.validation, data.trusted) if part is not None]
    indices = [int(row) for part in parts for row in part.index]
    assert len(set(indices)) == len(indices)


def test_trusted_rows_beside_the_classes(tree):
    data = load(tree("cat", "dog", "trusted/dog", "trusted/cat", "Test/dog"))
    assert data.classes == ("cat", "dog")
    assert len(data) == 4
    assert data.trusted.given.tolist() == [0, 0, 1, 1]
    assert data.test.given.tolist() == [1, 1]


@pytest.mark.parametrize("place", ["", "train/"])
def test_images_without_labels(tree, place):
    data = load(tree(f"{place}cat", f"{place}dog", "Unlabelled", "Unlabelled/more"))
    assert data.given.tolist() == [0, 0, 1, 1]
    assert len(data.unlabelled) == 4
    assert data.unlabelled.index.tolist() == [4, 5, 6, 7]
    assert data.unlabelled.inputs[:, 0, 0, 0].tolist() == [40, 40, 60, 60]
    assert load(tree(), size=3).unlabelled.shape == (3, 3, 1)
    assert "the 4 images in Unlabelled have no label: they are predicted, not judged" in data.notes


@pytest.mark.parametrize("name", ["train", "Test", "valid"])
def test_one_class_may_be_called_like_a_split(tree, name):
    data = load(tree(name, "bus", "car"))
    assert set(data.classes) == {name, "bus", "car"}
    assert data.notes == (f"the folder {name} is a class here, since it lies among classes and holds images itself",)


def test_splits_without_labels_are_left_out(tree):
    data = load(tree("train/cat", "train/dog", "test"))
    assert data.test is None
    assert data.notes[-1] == "left out is test: its 2 images lie in no folders of classes"


def test_folders_within_folders_of_classes(tree):
    data = load(tree("cat/images", "dog", "dog/more"))
    assert data.given.tolist() == [0, 0, 1, 1, 1, 1]
    assert data.notes == ("images in folders within a folder of a class count to the class: cat, dog",)


def test_images_beside_the_classes_are_left_out(tree):
    data = load(tree("", "cat", "dog"))
    assert data.notes == ("left out are 2 images that lie in no folder of a class: 0.png, 1.png",)


def test_names_that_differ_in_case_are_reported(tree):
    assert "'Cat' and 'cat' are probably the same" in load(tree("cat", "Cat", "dog")).notes[0]


@pytest.mark.parametrize(
    "folders, said",
    [
        (["val/cat", "val/dog", "test/cat", "test/dog"], "has the splits test, val but no split train: give the one"),
        (["Valid/cat", "Valid/dog"], "has the split Valid but no split train: give the one to use"),
        (
            ["google/q1", "google/q2", "val_images_256/q1", "val_images_256/q2"],
            r"looks like splits \(val_images_256\) beside",
        ),
        (
            ["google/q1", "google/q2", "flickr/q1", "flickr/q2"],
            "flickr, google hold the same folders .* look like splits or parts",
        ),
        (["train/a", "train/b", "a", "b"], r"looks like splits \(train\) beside something else \(a, b\)"),
        (["train/a", "train/b", "extra/a", "extra/b"], r"looks like splits \(train\) beside something else \(extra\)"),
        (["train/a", "train/b", "Training/a"], "has several folders of the train split"),
        (["train", "test"], r"looks like splits \(test, train\) without labels"),
        (["val", "test", "more"], "looks like splits .* without labels"),
        (
            ["cat/train", "cat/test", "dog/train", "dog/test"],
            r"classes \(cat, dog\) with splits inside \(test, train\)",
        ),
        (
            ["animals/cat", "animals/dog", "plants/ash", "plants/oak"],
            "might be groups of classes or parts of one class",
        ),
        (["images/cat", "images/dog", "masks"], "images holds no images but folders"),
        (["photos/cat", "photos/dog"], "holds only the folder photos, which holds folders .*: give .*photos"),
        (["photos/train/cat", "photos/test/cat"], "holds only the folder photos"),
        ([""], "holds 2 images and no folders with images: expected one folder of images per class, or list"),
        (["train/cat", "train/dog", "val/cow"], "has the class 'cow', which the training split does not have"),
        (
            ["train/a/x", "train/a/y", "train/b/x", "train/b/y"],
            "train is not one folder of images per class: a, b hold the same",
        ),
    ],
)
def test_other_trees_are_refused_with_what_they_look_like(tree, folders, said):
    with pytest.raises(BadInput, match=said):
        load(tree(*folders))
