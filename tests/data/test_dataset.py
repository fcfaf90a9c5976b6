from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from noisewise.data import split
from noisewise.errors import BadInput
from noisewise.noise import corrupt

IDS = pd.Series([f"P{i}" for i in range(40)], name="patient")


def test_ids_follow_their_rows(vectors):
    data = replace(vectors(), ids=IDS)
    assert data.take([3, 1]).ids.tolist() == ["P3", "P1"]
    assert data.take(data.given == 2).ids.tolist() == [f"P{i}" for i in range(2, 40, 4)]
    parts = split(replace(data, truth=data.given), validation=0.2, trusted=4)
    for part in (parts, parts.validation, parts.trusted, parts.blind()):
        assert part.ids.tolist() == [f"P{i}" for i in part.index]
        assert part.ids.name == "patient"


def test_ids_without_a_name(vectors):
    assert replace(vectors(), ids=list(range(40))).ids.name == "id"


def test_one_id_per_row(vectors):
    with pytest.raises(BadInput, match="ids has 39 rows, inputs have 40"):
        replace(vectors(), ids=IDS[:39])


def unlabelled(data):
    return replace(data, given=np.full(len(data), -1))


def test_rows_without_labels(vectors):
    rest = unlabelled(vectors(6))
    assert (rest.labelled, rest.noise_rate) == (False, None)
    assert repr(rest) == "Dataset(data: 6 rows without labels, 4 classes)"
    data = replace(vectors(), unlabelled=rest)
    assert repr(data) == "Dataset(data: 40 rows, 4 classes, unlabelled=6)"
    for kept in (data.take([0, 1, 2]), data.blind(), split(data, validation=0.5)):
        assert len(kept.unlabelled) == 6
    assert split(data, validation=0.5).validation.unlabelled is None
    assert data.alone().unlabelled is None


def test_either_all_rows_have_labels_or_none(vectors):
    with pytest.raises(BadInput, match="-1 occurs"):
        replace(vectors(4, 2), given=np.array([0, 1, -1, -1]))
    with pytest.raises(BadInput, match="unlabelled has 40 rows with labels"):
        replace(vectors(), unlabelled=vectors())


def test_rows_without_labels_cannot_be_corrupted(vectors):

    with pytest.raises(BadInput, match="has no labels to corrupt"):
        corrupt(unlabelled(vectors()), "symmetric:0.1")
