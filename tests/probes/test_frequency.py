"""Low and high frequencies of labels and predictions, by hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from noisewise.errors import BadInput
from noisewise.probes import PROBES, Subject
from noisewise.probes.frequency import Frequency

TWO = torch.tensor([[0.0], [3.0]])
KEPT = math.tanh(0.5)


class Fixed(nn.Module):
    """A network whose logits are stated per row."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, x):
        """The stated logits, whatever the rows."""
        return self.logits[: len(x)]


def subject(x, given, network=None, classes=2):
    return Subject(torch.as_tensor(x), torch.tensor(given), classes, torch.Generator(), network)


def test_labels_of_two_points_by_hand():
    """With width 1/2 the other point has weight 1/e, and smoothing keeps (1 - 1/e) / (1 + 1/e) of (1, -1)."""
    found = Frequency(width=0.5).measure(subject(TWO, [0, 1]))
    assert set(found) == set(Frequency.card.columns)
    assert (found["label_low"], found["label_high"]) == pytest.approx((KEPT**2, (1 - KEPT) ** 2))
    assert all(math.isnan(value) for name, value in found.items() if not name.startswith("label"))


def test_predictions_of_two_points_by_hand():
    """Probabilities of 3/4 and 1/4 are, less their mean, half of the labels."""
    found = Frequency(width=0.5).measure(subject(TWO, [0, 1], Fixed([[math.log(3), 0.0], [0.0, math.log(3)]])))
    assert (found["prediction_low"], found["prediction_high"]) == pytest.approx((KEPT**2, (1 - KEPT) ** 2))
    assert [found[f"error_{part}"] for part in ("low", "high", "all")] == pytest.approx([0.5] * 3)


def test_a_constant_prediction_has_no_frequencies_and_misses_all():
    found = Frequency().measure(subject(TWO, [0, 1], Fixed([[1.0, 0.0], [1.0, 0.0]])))
    assert math.isnan(found["prediction_low"])
    assert math.isnan(found["prediction_high"])
    assert [found[f"error_{part}"] for part in ("low", "high", "all")] == pytest.approx([1.0] * 3)


def test_labels_of_one_class_have_no_frequencies():
    found = Frequency().measure(subject(TWO, [1, 1], Fixed([[1.0, 0.0], [0.0, 1.0]])))
    assert math.isnan(found["label_low"])
    assert math.isnan(found["error_all"])
    assert found["prediction_high"] > 0


def test_wrong_labels_are_high_frequencies():
    rng = np.random.default_rng(0)
    given = rng.integers(3, size=150)
    x = (3 * np.eye(3)[given] + rng.normal(size=(150, 3))).astype(np.float32)
    true, random = (Frequency().measure(subject(x, y.tolist(), classes=3)) for y in (given, rng.permutation(given)))
    assert true["label_high"] < random["label_high"] - 0.3
    assert true["label_low"] > random["label_low"] + 0.3


def test_what_cannot_be_measured_is_refused():
    for width in (0, -1.0, math.inf, "wide"):
        with pytest.raises(BadInput, match="frequency: width="):
            Frequency(width=width)
    with pytest.raises(BadInput, match="must not all be the same"):
        Frequency().measure(subject(torch.ones(3, 2), [0, 1, 0]))


def test_in_the_catalogue():
    assert PROBES["frequency"] is Frequency


def test_a_network_that_says_the_same_everywhere_has_no_shares():
    x, logits = torch.arange(7.0)[:, None], [[0.1, 0.2, 0.7]] * 7
    found = Frequency().measure(subject(x, [0, 1, 2, 0, 1, 2, 0], Fixed(logits), classes=3))
    assert math.isnan(found["prediction_low"])
    assert math.isnan(found["prediction_high"])
    assert found["error_all"] == pytest.approx(1)
