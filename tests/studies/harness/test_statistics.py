import math

import numpy as np
import pytest

from noisewise.studies.harness.statistics import spearman


def test_rank_correlation_by_hand():
    assert spearman(np.array([0.0, 0.5, 1.0]), np.array([3.0, 5.0, 4.0])) == pytest.approx(0.5)
    assert spearman(np.array([0.0, 0.5, 1.0]), np.array([1.0, 4.0, 4.0])) == pytest.approx(math.sqrt(3) / 2)
    assert math.isnan(spearman(np.array([0.0, 1.0]), np.array([1.0, 1.0])))
    assert math.isnan(spearman(np.array([0.0, 1.0]), np.array([1.0, np.nan])))
