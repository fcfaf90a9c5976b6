"""Labels alone, in a `.npy` file."""

import numpy as np
import pytest

import noisewise as nw
from noisewise.errors import BadInput


def saved(tmp_path, values):
    np.save(tmp_path / "labels.npy", values)
    return tmp_path / "labels.npy"


def test_class_numbers_are_read(tmp_path):
    data = nw.load(saved(tmp_path, np.array([0, 3, 1, 1], dtype=np.uint8)))
    assert data.given.tolist() == [0, 3, 1, 1]
    assert data.classes == ("0", "1", "2", "3")
    assert data.shape == (0,)


@pytest.mark.parametrize(
    "values, message",
    [
        (np.zeros((2, 2), dtype=int), "must hold"),
        (np.array([0.5]), "must hold"),
        (np.array([0, 0]), "two classes"),
        (np.array([-1, 2]), "-1 to 2"),
        (np.array([], dtype=int), "must hold"),
    ],
)
def test_anything_else_is_refused(tmp_path, values, message):
    with pytest.raises(BadInput, match=message):
        nw.load(saved(tmp_path, values))


def test_a_damaged_file_is_refused(tmp_path):
    (tmp_path / "labels.npy").write_bytes(b"no array")
    with pytest.raises(BadInput, match=r"not a \.npy file"):
        nw.load(tmp_path / "labels.npy")


def test_they_are_audited_by_probabilities_and_saved(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=600)
    probabilities = np.full((600, 4), 0.02)
    probabilities[np.arange(600), labels] = 0.94
    labels[:30] = (labels[:30] + 1) % 3
    found = nw.audit(saved(tmp_path, labels), probs=probabilities, out=tmp_path / "audit")
    assert found.is_issue[:30].all()
    assert found.is_issue.sum() == 30
    assert len(found.data.classes) == 4
    again = nw.load(tmp_path / "audit" / "cleaned.npz")
    assert (again.given[30:] == labels[30:]).all()
    assert (tmp_path / "audit" / "report.html").stat().st_size > 1000


@pytest.mark.parametrize("verb", [nw.audit, nw.train])
def test_there_is_nothing_to_learn_from(tmp_path, verb):
    with pytest.raises(BadInput, match="labels alone"):
        verb(saved(tmp_path, np.arange(40) % 3))
