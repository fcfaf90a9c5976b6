"""Data in memory are read like the same data in a file."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from scipy import sparse
from torch.utils.data import Dataset, IterableDataset, Subset, TensorDataset

import noisewise as nw
from noisewise.errors import BadInput

ROWS = 60
RNG = np.random.default_rng(5)
KIND = RNG.integers(0, 3, ROWS)
NAMES = np.array(["ash", "birch", "cedar"])
X = np.stack([KIND + RNG.normal(0, 0.3, ROWS), RNG.normal(0, 1, ROWS)], axis=1).astype(np.float32)
FRAME = pd.DataFrame(X, columns=["a", "b"]).assign(label=NAMES[KIND])
IMAGES = (60 * KIND[:, None, None, None] + RNG.integers(0, 60, (ROWS, 6, 6, 3))).astype(np.uint8)


class Pairs(Dataset):
    """A torch data set of numbered classes, which it names."""

    classes = NAMES.tolist()

    def __init__(self, inputs, labels):
        self.inputs, self.labels = inputs, labels

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, at):
        return self.inputs[at], int(self.labels[at])


class Stream(IterableDataset):
    def __iter__(self):
        return iter([])


def test_a_frame_is_a_table(tmp_path):
    FRAME.to_parquet(tmp_path / "t.parquet")
    expected = nw.load(tmp_path / "t.parquet")
    for source in (FRAME, pa.Table.from_pandas(FRAME)):
        data = nw.load(source)
        np.testing.assert_array_equal(data.inputs, expected.inputs)
        np.testing.assert_array_equal(data.given, expected.given)
        assert (data.kind, data.classes, data.columns) == ("table", expected.classes, expected.columns)
    assert nw.load(FRAME, columns="a").shape == (1,)
    assert FRAME.columns.tolist() == ["a", "b", "label"]  # stays as it was


@pytest.mark.parametrize(
    "labels",
    [
        NAMES[KIND],
        NAMES[KIND].tolist(),
        pd.Series(NAMES[KIND]),
        pd.Series(NAMES[KIND], dtype="category"),
        pd.DataFrame({"y": NAMES[KIND]}),
    ],
)
def test_labels_of_every_kind_beside_a_frame(labels):
    data = nw.load((FRAME[["a", "b"]], labels))
    np.testing.assert_array_equal(data.given, KIND)
    np.testing.assert_array_equal(data.inputs, nw.load(FRAME).inputs)


@pytest.mark.parametrize("labels", [KIND, torch.tensor(KIND), KIND.tolist(), KIND.astype(np.uint8), KIND[:, None]])
@pytest.mark.parametrize("inputs", [X, torch.tensor(X), X.tolist(), torch.tensor(X, requires_grad=True)])
def test_arrays_tensors_and_lists_are_vectors(inputs, labels):
    for source in ((inputs, labels), [inputs, labels]):
        data = nw.load(source)
        np.testing.assert_allclose(data.inputs, X)
        np.testing.assert_array_equal(data.given, KIND)
        assert (data.kind, data.classes) == ("vector", ("0", "1", "2"))


@pytest.mark.parametrize(
    "images",
    [
        IMAGES,
        torch.tensor(IMAGES),
        torch.tensor(IMAGES).permute(0, 3, 1, 2),
        torch.tensor(IMAGES).permute(0, 3, 1, 2) / 255,
    ],
)
def test_images_in_the_order_of_axes_of_torch_too(images):
    data = nw.load((images, KIND))
    np.testing.assert_array_equal(data.inputs, IMAGES)
    assert data.kind == "image"


def test_normalised_images_are_mapped_to_bytes_and_that_is_noted():
    images = (torch.tensor(IMAGES).permute(0, 3, 1, 2) / 255 - 0.5) / 0.25
    data = nw.load((images, KIND))
    assert (data.inputs.min(), data.inputs.max()) == (0, 255)
    expected = (IMAGES - IMAGES.min()) / np.ptp(IMAGES).astype(float) * 255
    np.testing.assert_allclose(data.inputs, expected, atol=1)
    assert data.notes == (f"the images hold numbers from -2 to {images.max():.3g}, which are mapped to 0 to 255",)


@pytest.mark.parametrize("texts", [["a word here and more"] * 30 + ["other words than those"] * 30])
def test_texts(texts):
    labels = np.repeat(["x", "y"], 30)
    for source in (texts, np.array(texts), pd.Series(texts), tuple(texts)):
        data = nw.load((source, labels))
        assert (data.kind, data.classes) == ("text", ("x", "y"))
        assert data.inputs.texts.tolist() == texts


def test_data_sets_of_torch():
    tensors = TensorDataset(torch.tensor(X), torch.tensor(KIND))
    np.testing.assert_allclose(nw.load(tensors).inputs, X)
    named = nw.load(Pairs(torch.tensor(IMAGES).permute(0, 3, 1, 2), KIND))
    np.testing.assert_array_equal(named.inputs, IMAGES)
    np.testing.assert_array_equal(named.given, KIND)
    assert (named.name, named.classes) == ("Pairs", tuple(NAMES))
    part = nw.load(Subset(tensors, range(10, 50)))
    np.testing.assert_array_equal(part.given, KIND[10:50])


def test_an_index_names_the_rows_and_matches_the_labels():
    frame = FRAME.set_index(pd.Index([f"P{i}" for i in range(ROWS)], name="patient"))
    data = nw.load(frame)
    assert data.ids.name == "patient"
    assert data.ids.tolist()[:2] == ["P0", "P1"]
    mixed = frame["label"].sample(frac=1, random_state=0)
    again = nw.load((frame[["a", "b"]], mixed))
    np.testing.assert_array_equal(again.given, data.given)
    assert again.notes == ("labels are matched to rows by their index, not by their position",)
    with pytest.raises(BadInput, match="have different indices"):
        nw.load((frame[["a", "b"]], mixed.rename(lambda name: name + "x")))


def test_a_filtered_frame_keeps_the_names_of_its_rows():
    part = FRAME[FRAME["a"] > 0.5]
    data = nw.load(part)
    assert data.ids.name == "id"
    assert data.ids.tolist() == part.index.tolist()
    assert data.index.tolist() == list(range(len(part)))


def test_sparse_inputs_half_precision_and_records():
    np.testing.assert_allclose(nw.load((sparse.csr_matrix(X), KIND)).inputs, X)
    np.testing.assert_allclose(nw.load((torch.tensor(X).bfloat16(), KIND)).inputs, X, rtol=0.01)
    np.testing.assert_array_equal(nw.load(FRAME.to_dict("records")).inputs, nw.load(FRAME).inputs)


@pytest.mark.parametrize("gap, na", [(-1, "-1"), (-1, ["-1", "-2"]), (np.nan, "")])
def test_rows_of_arrays_without_a_label_stay_if_that_is_asked_for(gap, na):
    labels = np.where(np.arange(ROWS) % 5 == 0, gap, KIND)
    for source in ((X, labels), (torch.tensor(X), torch.tensor(labels)), Pairs(X, labels)):
        if isinstance(source, Pairs) and np.isnan(gap):
            continue
        data = nw.load(source, na=na)
        assert data.unlabelled.index.tolist() == list(range(0, ROWS, 5))
        np.testing.assert_array_equal(data.given, KIND[data.index])
        np.testing.assert_allclose(data.inputs, X[data.index])
        assert data.notes == ("12 rows have no label, and are not learned from",)


def test_data_sets_of_the_library_datasets():
    datasets = pytest.importorskip("datasets")
    kinds = {"a": datasets.Value("float32"), "label": datasets.ClassLabel(names=NAMES.tolist())}
    labels = [-1 if i % 10 == 0 else int(k) for i, k in enumerate(KIND)]
    held = datasets.Dataset.from_dict({"a": X[:, 0], "label": labels}, features=datasets.Features(kinds))
    for source in (held, datasets.DatasetDict(train=held)):
        data = nw.load(source)
        assert (len(data), data.classes, data.kind) == (54, tuple(NAMES), "table")
        assert data.unlabelled.index.tolist() == [0, 10, 20, 30, 40, 50]
    with pytest.raises(BadInput, match="is streamed: load it with streaming=False"):
        nw.load(held.to_iterable_dataset())


def test_a_corruption_takes_the_options_of_reading():
    frame = FRAME.rename(columns={"label": "kind"})
    assert nw.corrupt(frame, "symmetric:0.2", labels="kind", ignore="b").shape == (1,)


@pytest.mark.parametrize(
    "source, said",
    [
        ((X, KIND[:-1]), "60 inputs but 59 labels"),
        ((X, KIND, KIND), "is no data: give a name, a path"),
        (3, "source=3 is no data"),
        (None, "source=None is no data"),
        (FRAME["a"], "is no data|which is one column"),
        (FRAME[:0], "has no rows"),
        ((FRAME, NAMES[KIND]), "the column 'label' of X is given along with y"),
        ((X, np.where(KIND == 0, np.nan, KIND)), "missing label"),
        ((np.full((4, 2), np.nan), [0, 1, 0, 1]), "not finite"),
        (([[1], [1, 2]], [0, 1]), "no array"),
        (TensorDataset(torch.tensor(X)), "pairs with 1 parts"),
        (TensorDataset(torch.tensor(X), torch.tensor(KIND), torch.tensor(KIND)), "pairs with 3 parts"),
        (Stream(), "cannot be indexed"),
        (Pairs([np.zeros(2), np.zeros(3)], [0, 1]), r"have shapes such as \(2,\) and \(3,\)"),
        (Pairs([], []), "has no rows"),
    ],
)
def test_what_is_no_data_is_refused(source, said):
    with pytest.raises(BadInput, match=said):
        nw.load(source)


@pytest.mark.parametrize(
    "source", [FRAME, (X, KIND), TensorDataset(torch.tensor(X), torch.tensor(KIND))], ids=["frame", "pair", "torch"]
)
def test_every_verb_takes_them(source, tmp_path):
    noisy = nw.corrupt(source, "symmetric:0.2")
    assert noisy.noise_rate > 0
    found = nw.audit(source, budget="quick", out=tmp_path / "audit")
    assert len(found.issues) == ROWS
    assert found.plan.in_memory
    run = nw.train(source, "ce", "mlp:8", epochs=1)
    assert len(run.samples) > 0
    assert nw.probe(source, "complexity:examples=40")["complexity"]["rows"] == 40


def test_options_of_reading_hold_in_memory():
    found = nw.audit(FRAME.assign(extra=range(ROWS)), ignore="b", budget="quick")
    assert {c["name"]: c["why"] for c in found.summary["columns"]}["b"] == "ignored, as asked"
    assert found.plan.ignore == ("b",)
    with pytest.raises(BadInput, match=r"columns=.* is for tables"):
        nw.load((X, KIND), columns="a")
