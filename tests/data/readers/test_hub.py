"""The hub's library is optional: a stand-in with the few parts of its interface that are used takes its place here."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from noisewise.data import load
from noisewise.errors import BadInput


class Rows:
    """Rows of the library `datasets`: an Arrow table with features."""

    def __init__(self, table, **names):
        self.table = table
        kinds = {name: {"_type": "ClassLabel", "names": found} for name, found in names.items()}
        self.features = SimpleNamespace(to_dict=lambda: {name: kinds.get(name, {}) for name in table.column_names})

    def with_format(self, kind):
        assert kind == "arrow"
        return self

    def __getitem__(self, rows):
        assert rows == slice(None)
        return self.table


@pytest.fixture
def hub(monkeypatch):
    """What the hub holds, by name and configuration."""
    found = {}

    def load_dataset(name, config):
        if (name, config) not in found:
            raise ValueError(f"there is no such thing\nas {name}" if config else "Config name is missing.")
        return found[name, config]

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    return found


def pictures(n, seed=0, sizes=None):
    pixels = np.random.default_rng(seed).integers(256, size=(n, 4, 5, 3), dtype=np.uint8)
    structs = []
    for at, one in enumerate(pixels):
        buffer, image = io.BytesIO(), Image.fromarray(one)
        (image.resize(sizes[at]) if sizes else image).save(buffer, "PNG")
        structs.append({"bytes": buffer.getvalue(), "path": None})
    return pixels, pa.table({"img": structs, "label": [at % 2 for at in range(n)]})


def test_images_with_class_names(hub):
    (train, rows), (test, held) = pictures(4), pictures(2, seed=1)
    names = {"label": ["dog", "cat"]}
    hub["some/pets", None] = {"train": Rows(rows, **names), "test": Rows(held, **names)}
    data = load("hf:some/pets")
    np.testing.assert_array_equal(data.inputs, train)
    np.testing.assert_array_equal(data.test.inputs, test)
    assert data.classes == data.test.classes == ("dog", "cat")
    assert data.given.tolist() == [0, 1, 0, 1]
    assert data.test.index.tolist() == data.test.given.tolist() == [0, 1]
    assert data.name == data.provenance[0]["source"] == "hf:some/pets"


def test_images_of_mixed_sizes_become_one(hub):
    _, rows = pictures(3, sizes=[(90, 80), (200, 100), (60, 300)])
    hub["some/pets", None] = {"train": Rows(rows)}
    assert load("hf:some/pets").shape == (64, 64, 3)
    assert load("hf:some/pets", size=8).shape == (8, 8, 3)


def test_tables_with_class_names(hub):
    rows = pa.table({"a": [1.0, 2.0, 3.0, 4.0], "kind": [1, 0, 1, -1], "set": [0, 1, 0, 1]})
    hub["some/table", None] = {"train": Rows(rows, kind=["no", "yes"], set=["x", "y"])}
    data = load("hf:some/table", labels="kind")
    assert data.classes == ("no", "yes")
    assert data.given.tolist() == [1, 0, 1]
    assert data.unlabelled.index.tolist() == [3]
    assert data.kind == "table"
    assert data.described["set"].tolist() == ["x", "y", "x"]


def test_the_only_class_label_holds_the_labels(hub):
    rows = pa.table({"words": ["one two", "three four", "five six"] * 4, "topic": [1, 0, None] * 4})
    hub["some/news", None] = {"train": Rows(rows, topic=["world", "sport"])}
    data = load("hf:some/news")
    assert data.classes == ("world", "sport")
    assert data.given.tolist() == [1, 0] * 4
    assert len(data.unlabelled) == 4


def test_configurations_and_splits(hub):
    def rows(start, label="kind"):
        return Rows(pa.table({"a": [start + k / 7 for k in range(4)], label: [0, 1, 1, 0]}), kind=["no", "yes"])

    hub["some/table", "big"] = {"train": rows(0), "validation": rows(10), "test": rows(20), "extra": rows(30)}
    data = load("hf:some/table:big")
    assert data.name == "hf:some/table:big"
    assert data.validation.described["a"].tolist() == pytest.approx([10 + k / 7 for k in range(4)])
    assert data.test.described["a"].tolist() == pytest.approx([20 + k / 7 for k in range(4)])
    assert data.validation.index.tolist() == [4, 5, 6, 7]
    assert "splits that are not used: extra" in data.notes
    both = np.concatenate([data.inputs, data.validation.inputs, data.test.inputs])
    assert (np.diff(both[:, 0]) > 0).all()  # encoded along with each other
    alone = load("hf:some/table:big@extra")
    assert alone.described["a"].tolist() == pytest.approx([30 + k / 7 for k in range(4)])
    assert "the split extra is used, the only one" in alone.notes
    with pytest.raises(BadInput, match="there is no split 'dev', only train, validation, test, extra"):
        load("hf:some/table:big@dev")
    with pytest.raises(
        BadInput, match=r"Config name is missing\.; a configuration is chosen by hf:some/table:CONFIGURATION"
    ):
        load("hf:some/table")
    hub["some/table", None] = {"first": rows(0), "second": rows(10)}
    with pytest.raises(
        BadInput, match="has no split 'train', only first, second: choose one, such as hf:some/table@first"
    ):
        load("hf:some/table")


def test_held_splits_without_labels_are_left_out(hub):
    names = {"label": ["no", "yes"]}
    train = Rows(pa.table({"a": [0.1, 0.2, 0.7, 0.4], "label": [0, 1, 1, 0]}), **names)
    test = Rows(pa.table({"a": [0.5, 0.6], "label": [-1, -1]}), **names)
    hub["some/glue", "mrpc"] = {"train": train, "test": test}
    data = load("hf:some/glue:mrpc")
    assert data.test is data.unlabelled is None
    assert "left out are 2 rows without labels of the split test" in data.notes


def test_what_is_not_there(hub):
    with pytest.raises(BadInput, match=r"cannot load 'hf:other/thing:x': there is no such thing as other/thing$"):
        load("hf:other/thing:x")
    for source in ("hf:", "hf:a:b:c", "hf:a@b@c", "hf:@b"):
        with pytest.raises(BadInput, match="must be hf: and NAME, NAME:CONFIGURATION, NAME@SPLIT or"):
            load(source)
    hub["some/thing", None] = {"train": Rows(pa.table({"a": [0.1, 0.2], "label": [0, 2]}), label=["x", "y"])}
    with pytest.raises(BadInput, match="column 'label' of 'hf:some/thing' has the class 2, but there are 2, from 0"):
        load("hf:some/thing")


def test_the_library_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(BadInput, match=r"pip install noisewise\[hub\]"):
        load("hf:owner/name")
