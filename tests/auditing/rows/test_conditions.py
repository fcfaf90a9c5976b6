"""Conditions: what is planted is found, what is clean is left alone, and the files and the report say it."""

import json

import numpy as np
import pandas as pd
import pytest

import noisewise as nw
from noisewise.auditing.findings import Findings
from noisewise.auditing.judgement.judgement import Judgement
from noisewise.auditing.report.page import render
from noisewise.auditing.rows import conditions, equal
from noisewise.auditing.rows.conditions import ambiguous, counts, find_conditions, near_pairs, outlying
from noisewise.auditing.rows.equal import equal_rows
from noisewise.auditing.rows.neighbours import Neighbours, find_neighbours
from noisewise.auditing.rows.visual_features import visual_features
from noisewise.data.dataset import Dataset, Selection
from noisewise.data.texts import Texts


def named(frame, condition):
    return set(frame.loc[frame["condition"] == condition, "index"])


def found_in(data, **options):
    return find_conditions(data, np.zeros(len(data), dtype=bool), **options)


def table(n=400, width=6, seed=0, extra=None, labels=None, kind="table"):
    rows = np.random.default_rng(seed).normal(size=(n, width)).astype(np.float32)
    rows = rows if extra is None else np.concatenate([rows, extra(rows)])
    given = np.arange(len(rows)) % 3 if labels is None else labels
    return Dataset(rows, given, ("a", "b", "c"), kind)


@pytest.fixture(scope="module")
def planted():
    """Digits with 20 exact copies (the first 8 with another label), 20 noised copies and 5 pictures of noise."""
    digits, draw = nw.load("digits"), np.random.default_rng(0)
    chosen = draw.choice(len(digits), 40, replace=False)
    inputs = digits.inputs[:]
    noised = np.clip(inputs[chosen[20:]] + draw.normal(0, 5, (20, 8, 8, 1)), 0, 255).astype(np.uint8)
    noise = draw.integers(0, 256, (5, 8, 8, 1)).astype(np.uint8)
    given = np.concatenate([digits.given, digits.given[chosen], np.zeros(5, dtype=np.int64)])
    given[len(digits) : len(digits) + 8] = (given[len(digits) : len(digits) + 8] + 1) % 10
    data = Dataset(np.concatenate([inputs, inputs[chosen[:20]], noised, noise]), given, digits.classes, "image")
    return data, chosen, found_in(data)


def test_planted_copies_of_images_are_found_and_few_others(planted):
    data, chosen, frame = planted
    n = len(data) - 45
    group = frame[frame["group"] >= 0].set_index("index")["group"].to_dict()
    together = [group.get(n + i) == group.get(int(row), -9) for i, row in enumerate(chosen)]
    assert all(together[:20])
    assert np.mean(together[20:]) >= 0.9
    assert len(set(group) - set(range(n, n + 40)) - set(chosen.tolist())) <= 6


def test_copies_with_other_labels_conflict(planted):
    data, chosen, frame = planted
    n = len(data) - 45
    conflicting = named(frame, "conflicting-duplicate")
    assert set(range(n, n + 8)) | set(chosen[:8].tolist()) <= conflicting
    assert not conflicting & set(range(n + 8, n + 20))


def test_pictures_of_noise_are_outliers(planted):
    data, _, frame = planted
    outliers = named(frame, "outlier")
    assert set(range(len(data) - 5, len(data))) <= outliers
    assert len(outliers) <= 0.01 * len(data)


def test_clean_numbers_have_no_duplicates_and_few_outliers():
    for seed in range(3):
        for width in (2, 6, 30):
            found = counts(found_in(table(600, width, seed)))
            assert found["duplicate"] + found["conflicting-duplicate"] <= 4
            assert found["outlier"] <= 6


def test_a_row_of_a_table_changed_by_little_is_a_near_duplicate():
    data = table(extra=lambda rows: rows[:5] + np.float32(0.001))
    frame = found_in(data)
    copies = frame[frame["group"] >= 0]
    assert set(range(400, 405)) | set(range(5)) <= set(copies["index"])
    assert copies["score"].between(0.9, 1, inclusive="left").all()


def test_embeddings_decide_where_they_are_given():
    draw = np.random.default_rng(0)
    features = draw.normal(size=(400, 8))
    features[17] = 2 * features[3]
    frame = found_in(table(), features=features)
    assert {3, 17} <= set(frame.loc[frame["group"] >= 0, "index"])


def test_texts_are_compared_as_written():
    words = np.random.default_rng(0).choice(["oak", "elm", "fir", "ash", "yew", "bay", "box", "may"], (80, 12))
    texts = [" ".join(row) + f" {i}" for i, row in enumerate(words)]
    texts[60] = texts[2]
    data = Dataset(Selection(Texts(texts, "text"), np.arange(80)), np.zeros(80, dtype=np.int64), ("a", "b"), "text")
    assert equal_rows(data)[60] == 2
    assert {2, 60} <= named(found_in(data), "duplicate")


def test_near_pairs_by_hand():
    """Shares of 1/2 mean D = 1 / log 2; the limit is then (n (k - 1)) ** -log 2, which is 0.24."""
    distances = np.tile([1.0, 1.0, 2.0], (4, 1))
    positions = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    pairs, _ = near_pairs(Neighbours(positions, distances.astype(np.float32)))
    assert len(pairs) == 0
    distances[0, 0] = distances[1, 0] = 1e-4
    pairs, shares = near_pairs(Neighbours(positions, distances.astype(np.float32)))
    assert pairs.tolist() == [[0, 1], [1, 0]]
    assert shares == pytest.approx(5e-5)


def test_outliers_by_hand():
    mean = np.ones((200, 1), dtype=np.float32)
    mean[:60], mean[9], mean[8] = 1.1, 8, 4
    rows, scores = outlying(Neighbours(np.zeros((200, 1), dtype=np.int64), mean))
    assert rows.tolist() == [9, 8]
    assert scores.tolist() == [8, 4]


def test_ambiguous_rows_by_hand():
    probabilities = np.array([[0.5, 0.48, 0.02], [0.4, 0.35, 0.25], [0.9, 0.05, 0.05], [0.5, 0.47, 0.03]])
    probabilities = np.concatenate([probabilities, np.tile([0.98, 0.01, 0.01], (396, 1))])
    issue = np.zeros(400, dtype=bool)
    issue[3] = True
    rows, scores = ambiguous(probabilities, issue)
    assert rows.tolist() == [0]
    assert scores == pytest.approx([0.96])
    assert ambiguous(np.tile([0.5, 0.5], (400, 1)), issue)[0].shape == (4,)


def test_many_rows_are_compared_in_cells(monkeypatch):
    data = table(extra=lambda rows: np.concatenate([rows[:1], rows[1:2] + np.float32(0.001), rows[2:3] * 0 + 90]))
    exact = found_in(data)
    monkeypatch.setattr(conditions, "EXACT_LIMIT", 100)
    frame = found_in(data)
    assert named(frame, "duplicate") | named(frame, "conflicting-duplicate") == {0, 400, 1, 401}
    assert named(frame, "outlier") >= {402}
    assert named(frame, "outlier") == named(exact, "outlier")


def test_equal_rows_of_every_kind_of_input():
    numbers = np.random.default_rng(0).integers(3, size=(500, 3))
    expected = [int(np.flatnonzero((numbers == row).all(axis=1))[0]) for row in numbers]
    for inputs in (numbers.astype(np.float32), numbers.astype(np.uint8)[:, None, :, None], numbers > 0):
        data = Dataset(inputs, np.zeros(500, dtype=int), ("a", "b"), "image" if inputs.ndim > 2 else "vector")
        wanted = (
            expected if inputs.dtype != bool else [int(np.flatnonzero((inputs == row).all(1))[0]) for row in inputs]
        )
        assert equal_rows(data).tolist() == wanted


def test_rows_with_equal_sums_of_bytes_may_differ(monkeypatch):
    monkeypatch.setattr(equal, "_sums", lambda rows: np.zeros(len(rows), np.uint64))
    data = table(50, extra=lambda rows: rows[7:8])
    assert equal_rows(data).tolist() == [*range(50), 7]


def test_visual_features_do_not_depend_on_units():
    data = table()
    scaled = Dataset(data.inputs * np.float32(1000), data.given, data.classes, "vector")
    assert visual_features(scaled) == pytest.approx(visual_features(data), rel=1e-3)


def test_constant_images_and_columns_are_harmless():
    images = np.zeros((80, 5, 7, 3), dtype=np.uint8)
    images[40:] = 255
    assert counts(found_in(Dataset(images, np.arange(80) // 40, ("a", "b"), "image"))) == {
        "conflicting-duplicate": 0,
        "duplicate": 80,
        "outlier": 0,
        "ambiguous": 0,
        "duplicate_groups": 2,
    }


def findings(data, frame):
    n, k = len(data), len(data.classes)
    none = np.zeros(n, dtype=bool)
    judgement = Judgement(np.zeros(n), data.given, none, 0.0, (0.0, 0.0), np.eye(k))
    return Findings(data, judgement, conditions=frame)


def test_files_summary_and_report_name_them(planted, tmp_path):
    data, _, frame = planted
    findings(data, frame).save(tmp_path)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "conditions.parquet"), frame)
    assert list(pd.read_csv(tmp_path / "conditions.csv").columns) == ["index", "condition", "score", "group"]
    assert json.loads((tmp_path / "summary.json").read_text())["conditions"] == counts(frame)
    page = (tmp_path / "report.html").read_text()
    assert "Duplicates with different labels" in page
    assert page.count('alt="row') >= 20


def test_the_report_shows_rows_whose_index_is_not_their_position():
    data = table(extra=lambda rows: rows[:1])
    index = np.random.default_rng(0).permutation(len(data)) * 7
    moved = Dataset(data.inputs, data.given, data.classes, "table", index=index)
    page = render(findings(moved, found_in(moved)))
    assert f'title="row {index[400]}"' in page
    assert f'title="row {index[0]}"' in page


def test_the_report_escapes_what_the_rows_hold():
    data = table(extra=lambda rows: rows[:1])
    described = pd.DataFrame({"<script>a</script>": ["<img src=x onerror=alert(1)>"] * len(data)})
    hostile = Dataset(data.inputs, data.given, ("<script>b</script>", "b", "c"), "table", described=described)
    page = render(findings(hostile, found_in(hostile)))
    assert "<img src=x" not in page
    assert "<script>a" not in page
    assert "<script>b" not in page
    assert "&lt;img src=x" in page


def test_an_audit_can_leave_them_out():
    data = nw.subset(nw.load("digits"), 200, 0)
    vectors = data.inputs[:].reshape(200, -1).astype(np.float32)
    assert nw.audit(data, features=vectors, conditions=False).conditions is None
    assert "conditions" in nw.audit(data, features=vectors).summary


def test_the_limit_keeps_what_is_named_rare():
    found = find_neighbours(np.random.default_rng(0).standard_cauchy((1000, 2)), 10, metric="euclidean")
    assert len(outlying(found)[0]) == 10
