"""Published photographs are read from small trees of the same layouts, by name and by their folder."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from noisewise.data import load
from noisewise.data.catalogue import PHOTOGRAPHS, SOURCES
from noisewise.errors import BadInput

pytestmark = pytest.mark.usefixtures("alone")


def picture(path, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (level, level, level)).save(path, "JPEG" if path.suffix.lower() != ".png" else None)


def text(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def levels(data):
    """The grey level of every image, which the writers below choose."""
    return np.rint(data.inputs[:].mean(axis=(1, 2, 3))).astype(int).tolist()


def clothing1m(root, annotations=""):
    names = [f"images/{k}/{k}{k}/{k},{k}.jpg" for k in range(9)]
    for k, name in enumerate(names):
        picture(root / name, 10 * k)
    lists = root / annotations
    text(lists / "noisy_train_key_list.txt", *names[:4])
    text(lists / "clean_train_key_list.txt", *names[4:6])
    text(lists / "clean_val_key_list.txt", names[6])
    text(lists / "clean_test_key_list.txt", *names[7:])
    text(lists / "noisy_label_kv.txt", *(f"{name} {(k * 5) % 14}" for k, name in enumerate(names) if k != 5))
    text(lists / "clean_label_kv.txt", *(f"{name} {k}" for k, name in enumerate(names) if k >= 4))
    return root


def webvision(root):
    for engine, rows in (("google", [(0, 0), (0, 49), (1, 50)]), ("flickr", [(2, 0), (3, 999)])):
        files = [f"{engine}/q{query:04}/{k}.jpg {k}" for query, k in rows]
        for file in files:
            picture(root / file.split()[0], 5 * (int(file.split()[1]) % 50))
        text(root / f"info/train_filelist_{engine}.txt", *files)
    for number in (1, 2, 3):
        picture(root / f"val_images_256/val{number:06}.jpg", 40 * number)
    text(root / "info/val_filelist.txt", "val000001.jpg 0", "val000002.jpg 49", "val000003.jpg 700")
    synsets = [f"n{k:08} name {k}, other name" for k in range(1000)]
    synsets[0], synsets[1] = "n00000000 crane, a bird", "n00000001 crane, a machine"
    text(root / "info/synsets.txt", *synsets)
    return root


def food101(root):
    for k, name in enumerate(("apple_pie", "waffles")):
        for number in range(3):
            picture(root / f"images/{name}/{number}.jpg", 100 * k + 10 * number)
    text(root / "meta/classes.txt", "apple_pie", "waffles")
    text(root / "meta/train.txt", "apple_pie/0", "apple_pie/2", "waffles/1")
    text(root / "meta/test.txt", "waffles/2", "apple_pie/1")
    return root


def food101n(root):
    names = ["apple_pie/a.jpg", "apple_pie/b.jpg", "waffles/c.jpg"]
    for k, name in enumerate(names):
        picture(root / "images" / name, 30 * k)
    text(root / "meta/classes.txt", "class_name", "apple_pie", "waffles")
    text(root / "meta/imagelist.tsv", "class_name/key", *names)
    text(root / "meta/verified_train.tsv", "class_name/key\tverification_label", "apple_pie/b.jpg\t0")
    text(root / "meta/verified_val.tsv", "class_name/key\tverification_label", "waffles/c.jpg\t1")
    return root


def animal10n(root):
    for split, names in (("training", ["0_10.jpg", "9_11.jpg", "4_12.jpg"]), ("testing", ["5_1.jpg"])):
        for name in names:
            picture(root / split / name, 20 * int(name[0]))
    return root


def tiny_imagenet(root):
    for k, name in enumerate(("n02", "n01")):
        for number in range(2):
            picture(root / f"train/{name}/images/{name}_{number}.JPEG", 100 * k + 10 * number)
    picture(root / "val/images/val_0.JPEG", 200)
    picture(root / "test/images/test_0.JPEG", 250)
    text(root / "val/val_annotations.txt", "val_0.JPEG\tn01\t0\t0\t62\t62")
    text(root / "wnids.txt", "n02", "n01")
    text(root / "words.txt", "n01\tgoldfish, Carassius auratus", "n02\ttench, Tinca tinca", "n03\tother")
    return root


@pytest.mark.parametrize("annotations", ["", "annotations"])
def test_clothing1m(tmp_path, annotations):
    clothing1m(tmp_path / "clothing1m", annotations)
    data = load("clothing1m", data_dir=tmp_path)
    assert data.classes[:2] == ("T-Shirt", "Shirt")
    assert len(data.classes) == 14
    assert data.given.tolist() == [0, 5, 10, 1]
    assert levels(data) == [0, 10, 20, 30]
    assert data.trusted.given.tolist() == [4, 5]
    assert data.validation.given.tolist() == [6]
    assert data.test.given.tolist() == [7, 8]
    assert levels(data.test) == [70, 80]
    assert data.described["file"][1] == "images/1/11/1,1.jpg"
    both = load("clothing1m-both", data_dir=tmp_path)
    assert both.given.tolist() == [6, 2, 7, 12]
    assert both.truth.tolist() == [4, 6, 7, 8]
    assert levels(both) == [40, 60, 70, 80]


def test_clothing1m_whose_archives_were_unpacked_in_place(tmp_path):
    clothing1m(tmp_path)
    (tmp_path / "images").rename(tmp_path / "kept")
    for folder in (tmp_path / "kept").iterdir():
        folder.rename(tmp_path / folder.name)
    (tmp_path / "kept").rmdir()
    assert levels(load("clothing1m", data_dir=tmp_path)) == [0, 10, 20, 30]


def test_webvision_and_its_50_classes(tmp_path):
    webvision(tmp_path / "WebVision")
    data = load("webvision", data_dir=tmp_path)
    assert data.given.tolist() == [0, 49, 50, 0, 999]
    assert data.test.given.tolist() == [0, 49, 700]
    assert (len(data.classes), data.classes[0], data.classes[49]) == (1000, "crane, a bird", "name 49")
    few = load("webvision-50", data_dir=tmp_path)
    assert few.given.tolist() == [0, 49]
    assert levels(few) == [0, 245]
    assert few.test.given.tolist() == [0, 49]
    assert levels(few.test) == [40, 80]
    assert len(few.classes) == 50
    assert "webvision-50 has the first 50 classes" in data.notes[0]


def test_food101_and_food101n(tmp_path):
    food101(tmp_path / "food-101")
    food101n(tmp_path / "Food-101N_release")
    data = load("food-101", data_dir=tmp_path)
    assert data.classes == ("apple_pie", "waffles")
    assert data.given.tolist() == [0, 0, 1]
    assert levels(data) == [0, 20, 110]
    assert levels(data.test) == [120, 10]
    noisy = load("food-101n", data_dir=tmp_path)
    assert noisy.given.tolist() == [0, 0, 1]
    assert levels(noisy) == [0, 30, 60]
    assert levels(noisy.test) == [120, 10]
    assert noisy.described["verified"].fillna("").tolist() == ["", "wrong", "right"]


def test_food101n_without_food101_has_no_test_split(tmp_path):
    data = load(food101n(tmp_path / "food"))
    assert data.test is None
    assert "there is no test split" in data.notes[1]


def test_animal10n(tmp_path):
    animal10n(tmp_path / "animal-10n")
    data = load("animal-10n", data_dir=tmp_path)
    assert data.given.tolist() == [0, 4, 9]
    assert levels(data) == [0, 80, 180]
    assert data.test.given.tolist() == [5]
    assert data.classes[9] == "guinea pig"


def test_tiny_imagenet(tmp_path):
    tiny_imagenet(tmp_path / "tiny-imagenet-200")
    data = load("tiny-imagenet", data_dir=tmp_path)
    assert data.classes == ("tench", "goldfish")
    assert data.given.tolist() == [0, 0, 1, 1]
    assert levels(data) == [0, 10, 100, 110]
    assert data.test.given.tolist() == [1]
    assert levels(data.test) == [200]


@pytest.mark.parametrize("write", [clothing1m, webvision, food101, food101n, animal10n, tiny_imagenet])
def test_their_folders_are_recognised(tmp_path, write):
    data = load(write(tmp_path / "anything"))
    assert data.name in PHOTOGRAPHS
    assert data.notes[0].endswith(f"is read as the source {data.name}")
    named = load(data.name, data_dir=tmp_path / "anything")
    np.testing.assert_array_equal(named.inputs[:], data.inputs[:])
    assert data.provenance[0]["notes"][1:] == named.provenance[0].get("notes", [])


@pytest.mark.parametrize("write", [clothing1m, webvision, food101, food101n, animal10n, tiny_imagenet])
def test_broken_images_and_other_sizes(tmp_path, write):
    root = write(tmp_path / "anything")
    assert load(root, size=4).shape == (4, 4, 3)
    data = load(root)
    broken = Path(root, data.described["file"][1])
    if not broken.exists():
        broken = root / "images" / data.described["file"][1]
    broken.write_bytes(b"nope")
    with pytest.raises(BadInput, match="cannot read the image"):
        load(root)
    rest = load(root, skip_broken=True)
    assert rest.index.tolist() == [0, *range(2, len(data))]
    assert rest.skipped == 1


@pytest.mark.parametrize(
    "write, file, content, said",
    [
        (clothing1m, "noisy_train_key_list.txt", "images/0/gone.jpg", "lists 'images/0/gone.jpg', which has no label"),
        (clothing1m, "noisy_label_kv.txt", "images/0/00/0,0.jpg 14", "each must be a file and a number below 14"),
        (
            webvision,
            "info/train_filelist_google.txt",
            "google/q0000/0.jpg",
            "each must be a file and a number below 1000",
        ),
        (food101, "meta/train.txt", "cow/1", "whose class is not in meta/classes.txt"),
        (food101, "meta/train.txt", "", "lists no training images"),
        (tiny_imagenet, "val/val_annotations.txt", "val_0.JPEG\tn07", "whose class is not in wnids.txt"),
    ],
)
def test_lists_that_do_not_fit(tmp_path, write, file, content, said):
    root = write(tmp_path / "anything")
    text(root / file, content)
    with pytest.raises(BadInput, match=said):
        load(root)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_what_is_not_there_is_said(tmp_path, name):
    assert name in SOURCES
    with pytest.raises(
        BadInput, match=f"{name.removesuffix('-both')} was not found: .* cannot be downloaded from here"
    ):
        load(name, data_dir=tmp_path)
