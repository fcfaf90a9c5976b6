"""The named sources as they are found on this machine; skipped where they are not."""

import numpy as np
import pytest

from noisewise.data import load
from noisewise.errors import BadInput

pytestmark = pytest.mark.data
COUNTS = {"mnist": (6742, 5421), "fashion-mnist": (6000, 6000), "cifar10": (5000, 5000), "cifar10n-aggre": (5000, 5000)}


@pytest.mark.parametrize("name", COUNTS)
def test_as_published(name):
    try:
        data = load(name, download=False)
    except BadInput as missing:
        pytest.skip(str(missing))
    labels = data.given if data.truth is None else data.truth
    counts = np.bincount(labels)
    assert (counts.max(), counts.min()) == COUNTS[name]
    assert len(data.test) == 10_000
    assert len(data.classes) == 10
    if name == "cifar10n-aggre":
        assert abs(data.noise_rate - 0.0901) < 5e-5
