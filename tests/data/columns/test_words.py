"""Levels of categories as weights: those of scikit-learn's vectorizer, without calling Python for every row."""

import numpy as np
import pytest

from noisewise.data.columns import words
from noisewise.data.columns.words import word_weights


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("rows", [60, 900])
def test_levels_weigh_what_scikit_learn_makes_of_them(monkeypatch, rows, pairs):
    monkeypatch.setattr(words, "COMMONEST", 30)
    draw = np.random.default_rng(rows)
    texts = [f"{number:05d}" if number % 7 else "" for number in draw.geometric(0.02, size=rows)]
    least = 2 if rows >= 100 else 1
    reference = words._vectorizer(pairs, True, min_df=least, max_features=None if pairs else 30).fit_transform(texts)
    found = word_weights(texts, pairs=pairs, whole=True)
    assert (found.dtype, found.shape) == (reference.dtype, reference.shape)
    assert (found != reference).nnz == 0


def test_levels_that_never_repeat_weigh_nothing():
    with pytest.raises(ValueError, match="no level"):
        word_weights([str(number) for number in range(200)], whole=True)
