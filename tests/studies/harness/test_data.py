import numpy as np
import pytest

from noisewise.data import Dataset, load
from noisewise.errors import BadInput
from noisewise.studies.harness import data as samples
from noisewise.studies.harness.data import sample, unit
from noisewise.studies.harness.pairs import pair


def test_rows_are_of_the_source_without_replacement():
    data, found = load("digits"), sample("digits", 1438, 100)
    assert len(found.test_x) == len(found.test_y) == 100
    assert found.classes == 10
    assert np.bincount(found.y).tolist() == np.bincount(data.given).tolist()
    assert len(np.unique(found.x.reshape(1438, -1), axis=0)) == len(np.unique(data.inputs.reshape(1438, -1), axis=0))


def test_smaller_samples_lie_in_larger_ones():
    small, large = sample("digits", 20), sample("digits", 50)
    assert (large.x[:20] == small.x).all()
    assert not (sample("digits", 20, seed=1).x == small.x).all()


def test_targets():
    found = sample("digits", 200)
    assert (found.targets().argmax(axis=1) == found.y).all()
    shuffled = found.targets(3)
    assert (shuffled.sum(axis=0) == found.targets().sum(axis=0)).all()
    assert (shuffled.argmax(axis=1) == found.y).mean() < 0.3


def test_a_data_set_that_knows_no_truth():
    found = sample("digits", 50)
    data = found.dataset((found.y + 1) % 10, "own")
    assert (data.name, data.kind, data.truth) == ("own", found.kind, None)
    assert (data.given == (found.y + 1) % 10).all()
    assert (data.inputs == found.x).all()
    assert data.classes == tuple("0123456789")


def test_bytes_become_shares():
    assert unit(np.array([0, 255], dtype=np.uint8)).tolist() == [0.0, 1.0]
    assert unit(np.array([-3.0, 300.0])).tolist() == [-3.0, 300.0]


def test_bad_input(tmp_path):
    with pytest.raises(BadInput, match="1438 training rows"):
        sample("digits", 2000)
    table = tmp_path / "table.csv"
    table.write_text("a,label\n" + "".join(f"{i % 7},{i % 2}\n" for i in range(30)))
    with pytest.raises(BadInput, match="no test split"):
        sample(str(table), 10)


@pytest.mark.parametrize("drawn", [sample, pair])
def test_texts_are_refused_wherever_rows_of_numbers_are_drawn(monkeypatch, drawn):
    test = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="test")
    texts = Dataset(np.array(["c", "d"]), np.array([0, 1]), ("a", "b"), "text", name="own", test=test)
    monkeypatch.setattr(samples, "load", lambda source: texts)
    with pytest.raises(BadInput, match="source='own' holds texts, but this study needs rows of numbers"):
        drawn("own", 1)
