import json

import numpy as np
import pandas as pd
import pytest

import noisewise as nw
from noisewise.data.texts import Texts, documents
from noisewise.errors import BadInput

WORDS = {
    "food": ["bread", "cheese", "soup", "apple", "salt", "oven", "pepper", "onion", "rice", "butter"],
    "sport": ["ball", "goal", "team", "race", "coach", "match", "score", "run", "win", "league"],
    "space": ["star", "orbit", "moon", "rocket", "planet", "comet", "gravity", "launch", "mars", "probe"],
}
COMMON = ["the", "a", "of", "and", "in", "is", "it", "was", "on", "for", "with", "at", "by", "this", "that"]


@pytest.fixture(scope="module")
def frame():
    """Made-up sentences of common words with two words of their topic among them."""
    rng = np.random.default_rng(0)
    names = rng.choice(list(WORDS), 300)
    texts = [" ".join(rng.permutation([*rng.choice(COMMON, 8), *rng.choice(WORDS[name], 2)])) for name in names]
    return pd.DataFrame({"note": texts, "id": np.arange(300), "label": names})


def write(frame, path):
    if path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(row) for row in frame.to_dict("records")))
    elif path.suffix == ".txt":
        path.write_text("\n".join(f"__label__{row.label} {row.note}" for row in frame.itertuples()))
    elif path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".txt"])
def test_texts_are_read_from_every_kind_of_table(frame, tmp_path, suffix):
    path = write(frame, tmp_path / f"t{suffix}")
    data = nw.load(path, text="text" if suffix == ".txt" else "note")
    assert data.kind == "text"
    assert documents(data.inputs) == frame["note"].tolist()
    assert [data.classes[k] for k in data.given] == frame["label"].tolist()
    assert documents(data.take([5, 3]).take([1]).inputs) == [frame["note"][3]]


def test_the_only_column_to_learn_from_is_text_where_it_has_words(frame, tmp_path):
    assert nw.load(write(frame.drop(columns="id"), tmp_path / "t.csv")).kind == "text"
    assert nw.load(write(frame, tmp_path / "u.csv")).kind == "text"
    assert nw.load(write(frame.assign(size=frame["id"] % 7), tmp_path / "w.csv")).kind == "table"
    codes = frame.drop(columns="id").assign(note=[f"code-{i}" for i in range(300)])
    with pytest.raises(BadInput, match="no column to learn from"):
        nw.load(write(codes, tmp_path / "v.csv"))


def test_numbers_of_texts_are_hashed_words_of_length_one():
    texts = Texts(["a red house", "red house house", None, ""], "note")
    rows = texts[:]
    assert rows.shape == texts.shape == (4, 2048)
    assert rows.dtype == texts.dtype
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1, 0, 0])
    assert rows[0] @ rows[1] == pytest.approx((1 + 2) / np.sqrt(2 * 5))
    assert np.array_equal(texts[np.array([1, 0])], rows[[1, 0]])
    assert np.array_equal(texts[1], rows[1])


def test_an_audit_of_texts_finds_wrong_labels(frame, tmp_path):
    path = write(frame, tmp_path / "t.csv")
    found = nw.audit(path, text="note", corrupt="symmetric:0.2", out=tmp_path / "a")
    assert found.metrics["auroc"] > 0.97
    assert abs(found.noise_rate - found.metrics["true_noise_rate"]) < 0.06
    again = nw.load(tmp_path / "a" / "cleaned.parquet")
    assert again.kind == "text"
    assert documents(again.inputs) == frame["note"].tolist()


def test_networks_can_be_trained_on_texts(frame, tmp_path):
    data = nw.load(write(frame, tmp_path / "t.csv"), text="note")
    found = nw.audit(nw.corrupt(data, "symmetric:0.2"), model="mlp:widths=64", epochs=15, lr=0.1)
    assert found.metrics["auroc"] > 0.9


def test_words_are_what_can_be_learned_from(frame, tmp_path):
    empty = frame.assign(note="")
    with pytest.raises(BadInput, match="no words in common"):
        nw.audit(write(empty, tmp_path / "t.csv"), text="note")


@pytest.mark.parametrize(
    ("options", "words"),
    [({"text": "notes"}, "no column 'notes' of texts.*'note'"), ({"text": "label"}, "no column 'label' of texts")],
)
def test_refused_columns(frame, tmp_path, options, words):
    with pytest.raises(BadInput, match=words):
        nw.load(write(frame, tmp_path / "t.csv"), **options)


def test_text_is_for_tables(tmp_path):
    with pytest.raises(BadInput, match="text='note' is for tables"):
        nw.load("digits", text="note")
    np.savez(tmp_path / "a.npz", X=np.eye(4), y=[0, 1, 0, 1])
    with pytest.raises(BadInput, match="text='note' is for tables"):
        nw.load(tmp_path / "a.npz", text="note")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", "__label__x good\nbad", "the line 'bad'"),
        ("a.txt", "__label__x __label__y two", "one __label__NAME"),
        ("a.jsonl", '{"a": 1', "one object a line"),
    ],
)
def test_broken_files(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(BadInput, match=words):
        nw.load(tmp_path / name)


def test_texts_cannot_be_saved_as_npz(frame, tmp_path):
    data = nw.load(write(frame, tmp_path / "t.csv"), text="note")
    with pytest.raises(BadInput, match=r"must be \.parquet or \.csv"):
        nw.save(data, tmp_path / "a.npz")
    with pytest.raises(BadInput, match="hold no texts"):
        documents(np.eye(2))
