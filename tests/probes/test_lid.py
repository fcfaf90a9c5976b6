"""The local intrinsic dimension, by hand, of inputs and of features."""

import math

import pytest
import torch
from torch import nn

from noisewise.errors import BadInput
from noisewise.probes import PROBES, Subject
from noisewise.probes.lid import LID


def subject(x, network=None):
    return Subject(x, torch.zeros(len(x), dtype=torch.int64), 2, torch.Generator(), network)


def test_three_points_on_a_line_by_hand():
    """At 0, 1 and 3 the two distances are (1, 3), (1, 2) and (2, 3)."""
    found = LID(neighbours=2).measure(subject(torch.tensor([[0.0], [1.0], [3.0]])))
    by_hand = [2 / math.log(3), 2 / math.log(2), 2 / math.log(1.5)]
    assert found == pytest.approx({"lid": sum(by_hand) / 3, "lid_median": by_hand[1]}, rel=1e-5)


def test_dimensions_of_uniform_points():
    points = torch.rand(1280, 4, generator=torch.Generator().manual_seed(0))
    line, four = (LID().measure(subject(points[:, :d]))["lid_median"] for d in (1, 4))
    assert 0.8 < line < 1.3
    assert 3.0 < four < 4.5


def test_neighbours_are_searched_within_batches():
    points = torch.rand(20, 2, generator=torch.Generator().manual_seed(0))
    whole, first, second = (LID(neighbours=4, batch=10).measure(subject(p))["lid"] for p in (points, *points.split(10)))
    assert whole == pytest.approx((first + second) / 2)
    assert LID(neighbours=4, batch=10).measure(subject(points[:13]))["lid"] == pytest.approx(first)
    assert LID(neighbours=4, batch=20).measure(subject(points))["lid"] != pytest.approx(whole, abs=0.1)


def test_fewer_rows_than_neighbours_count_all():
    points = torch.tensor([[0.0], [1.0], [3.0]])
    assert LID().measure(subject(points)) == LID(neighbours=2).measure(subject(points))


def test_with_a_network_the_features_count():
    points = torch.rand(200, 3, generator=torch.Generator().manual_seed(0))
    flat = nn.Linear(3, 3, bias=False)
    flat.weight.data = torch.tensor([[1.0, 0, 0], [1.0, 0, 0], [1.0, 0, 0]])
    net = nn.Sequential(flat, nn.Linear(3, 2)).eval()
    assert LID().measure(subject(points, net))["lid_median"] < 1.3 < 2 < LID().measure(subject(points))["lid_median"]


def test_options_outside_their_range_are_refused():
    for options in ({"neighbours": 1}, {"batch": 2}, {"examples": 1}):
        with pytest.raises(BadInput, match="lid: "):
            LID(**options)


def test_in_the_catalogue():
    assert PROBES["lid"] is LID
    assert set(LID.card.columns) == {"lid", "lid_median"}
