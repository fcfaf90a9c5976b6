"""The hub's library is optional: a stand-in with the few parts of its interface that are used takes its place here."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from noisewise.data import load
from noisewise.errors import BadInput


class Picture:
    pass


class Split:
    def __init__(self, frame, **features):
        self.frame = frame
        self.features = {name: features.get(name, SimpleNamespace()) for name in frame}

    def to_pandas(self):
        return self.frame.copy()

    def __getitem__(self, key):
        return self.frame[key].tolist() if isinstance(key, str) else self.frame.iloc[key].to_dict()


@pytest.fixture
def hub(monkeypatch):
    """What the hub holds, by name."""
    found = {}

    def load_dataset(name):
        if name not in found:
            raise ValueError("there is no such thing")
        return found[name]

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset, Image=Picture))
    return found


def pictures(n, seed=0):
    pixels = np.random.default_rng(seed).integers(256, size=(n, 4, 5, 3), dtype=np.uint8)
    return pixels, pd.DataFrame({"img": [Image.fromarray(p) for p in pixels], "label": np.arange(n) % 2})


def test_images_of_another_size_keep_their_aspect(hub):
    pixels, frame = pictures(2)
    across = np.repeat(np.arange(40, dtype=np.uint8)[None, :, None], 8, axis=0).repeat(3, axis=2)
    frame.loc[1, "img"] = Image.fromarray(across)
    hub["some/pets"] = {"train": Split(frame, img=Picture())}
    data = load("hf:some/pets")
    np.testing.assert_array_equal(data.inputs[0], pixels[0])
    assert data.inputs[1].shape == (4, 5, 3)
    assert data.inputs[1, 0, :, 0].tolist() == pytest.approx([15.5, 17.5, 19.5, 21.5, 23.5], abs=1)


def test_images_with_class_names(hub):
    (train, frame), (test, held) = pictures(4), pictures(2, seed=1)
    features = {"img": Picture(), "label": SimpleNamespace(names=["cat", "dog"])}
    hub["some/pets"] = {"train": Split(frame, **features), "test": Split(held, **features)}
    data = load("hf:some/pets")
    np.testing.assert_array_equal(data.inputs, train)
    np.testing.assert_array_equal(data.test.inputs, test)
    assert data.classes == ("cat", "dog")
    assert data.given.tolist() == [0, 1, 0, 1]
    assert data.name == data.provenance[0]["source"] == "hf:some/pets"


def test_tables_with_class_names(hub):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "kind": [1, 0, 1]})
    hub["some/table"] = {"train": Split(frame, kind=SimpleNamespace(names=["no", "yes"]))}
    data = load("hf:some/table", labels="kind")
    assert data.classes == ("no", "yes")
    assert data.given.tolist() == [1, 0, 1]
    assert data.kind == "table"
    assert data.name == data.provenance[0]["source"] == "hf:some/table"


def test_what_is_not_there(hub):
    hub["some/thing"] = {"validation": None}
    with pytest.raises(BadInput, match="cannot load 'hf:other/thing': there is no such thing"):
        load("hf:other/thing")
    with pytest.raises(BadInput, match="has no split 'train', only validation"):
        load("hf:some/thing")


def test_the_library_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(BadInput, match=r"pip install noisewise\[hub\]"):
        load("hf:owner/name")
