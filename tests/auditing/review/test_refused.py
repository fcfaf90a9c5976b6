"""Decisions that are refused as a whole."""

import numpy as np
import pandas as pd
import pytest

from noisewise.auditing.review.decide import decide
from noisewise.data.dataset import Dataset
from noisewise.errors import BadInput

DATA = Dataset(np.zeros((6, 2), np.float32), np.arange(6) % 2, ("a", "b"))


def test_at_least_one_row_stays():
    with pytest.raises(BadInput, match="all 6 rows are removed"):
        decide(DATA, pd.DataFrame({"index": range(6), "decision": "remove", "label": ""}))


def test_a_column_of_decisions_stands_once(tmp_path):
    (tmp_path / "d.csv").write_text("index,decision,decision\n1,keep,remove\n")
    with pytest.raises(BadInput, match="has the column 'decision' twice"):
        decide(DATA, tmp_path / "d.csv")
